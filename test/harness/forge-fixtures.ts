import { readFileSync } from 'node:fs';
import { decodeFrame, type ForgeFrame } from '../../src/forge/decoding/frame.js';

/** Recorded traffic of a real server; see test/fixtures/forge/README.md. */
export interface RecordedStream {
  readonly path: string;
  readonly frames?: readonly unknown[];
  readonly refused?: { readonly status: number; readonly content_type: string; readonly body: string };
}

export interface RecordedExchange {
  readonly name: string;
  readonly request: { readonly method: string; readonly path: string; readonly body?: unknown };
  readonly status: number;
  readonly content_type: string | null;
  readonly json?: unknown;
  readonly text?: string;
}

const FIXTURES = new URL('../fixtures/forge/', import.meta.url);

export function recordedStream(name: string): RecordedStream {
  return JSON.parse(readFileSync(new URL(`streams/${name}.json`, FIXTURES), 'utf8')) as RecordedStream;
}

/** The frames of a recorded stream, decoded as they would be from the socket. */
export function recordedFrames(name: string): ForgeFrame[] {
  return (recordedStream(name).frames ?? []).map((frame) => decodeFrame(frame, JSON.stringify(frame)));
}

export function recordedExchanges(): RecordedExchange[] {
  return JSON.parse(readFileSync(new URL('rest.json', FIXTURES), 'utf8')) as RecordedExchange[];
}
