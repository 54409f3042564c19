import type { TerminalLine } from '../../client/protocol/terminal-text.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { JsonObject, JsonValue } from '../../platform/json.js';
import { parseDraft, type EventDraft } from '../../operations/operation-draft.js';
import type { RecordedEvent } from '../../operations/operation-event.js';
import type { ExecutionProcess } from '../api/forge-records.js';
import { omitted, type DiffUpdate } from '../decoding/diff-decoder.js';
import type { LogStream } from '../decoding/log-decoder.js';

/**
 * What a mirroring operation records about an attempt: in the `details` of `log` events (diffs, lines, stream errors)
 * and `status` events (processes).
 */
export type MirrorDetails =
  | {
      readonly kind: 'diff';
      readonly file: string;
      readonly change: string;
      readonly changes: JsonValue;
      readonly beginning?: string;
      readonly fingerprint: string | null;
    }
  | {
      readonly kind: 'log';
      readonly process_id: string;
      readonly stream: LogStream | 'agent';
      readonly line: number;
      /** The line with its colours, when it has any. */
      readonly ansi?: string;
      /** The kind of a normalized entry. */
      readonly entry_type?: string;
      readonly fingerprint?: string;
    }
  | {
      readonly kind: 'process';
      readonly process_id: string;
      readonly run_reason: string | null;
      readonly status: string;
      readonly exit_code: number | null;
    }
  | {
      readonly kind: 'stream_error';
      readonly stream: string;
      /** Forge is down; recording resumes when it is back. */
      readonly lost?: true;
    };

/** An event to be recorded, with its details. */
export interface MirrorEvent {
  readonly draft: EventDraft;
  readonly details: MirrorDetails;
}

export function diffEvent(update: DiffUpdate): MirrorEvent {
  const { file, change } = update;
  const details: MirrorDetails = { kind: 'diff', ...update };
  try {
    return logEvent('info', `${change} ${file}`, details);
  } catch (error) {
    // Contents that no event can carry (too deep, too long): the change of the file is still recorded.
    if (!(error instanceof OpstreamError)) throw error;
    const short = file.slice(0, 1000);
    return logEvent('info', `${change} ${short}`, { ...details, file: short, ...omitted(update.changes) });
  }
}

/** @param line number of the line in its stream, from 1 */
export function lineEvent(
  processId: string,
  stream: LogStream,
  { plain, ansi }: TerminalLine,
  line: number,
): MirrorEvent {
  const level = stream === 'stderr' ? 'warning' : 'info';
  const colours = ansi === undefined ? {} : { ansi };
  return logEvent(level, plain, { kind: 'log', process_id: processId, stream, line, ...colours });
}

/** @param number of the entry, from 1 */
export function entryEvent(
  processId: string,
  entryType: string,
  text: string,
  number: number,
  fingerprint: string,
): MirrorEvent {
  const level = entryType === 'error_message' ? 'warning' : 'info';
  return logEvent(level, text, {
    kind: 'log',
    process_id: processId,
    stream: 'agent',
    line: number,
    entry_type: entryType,
    fingerprint,
  });
}

export function processEvent({ id, run_reason, status, exit_code }: ExecutionProcess): MirrorEvent {
  const text = `${run_reason ?? 'process'} ${status}`.slice(0, 200);
  const details: MirrorDetails = {
    kind: 'process',
    process_id: id,
    run_reason: run_reason ?? null,
    status,
    exit_code: exit_code ?? null,
  };
  const message = details.exit_code === null ? text : `${text} with exit code ${details.exit_code}`;
  return { draft: parseDraft('status', { status: text, message, details }), details };
}

export function streamErrorEvent(stream: string, error: Error): MirrorEvent {
  const message = `Stream error: ${error.message}`.slice(0, 2000);
  return logEvent('error', message, { kind: 'stream_error', stream });
}

/** Forge was given up for now. */
export function lostEvent(error: Error): MirrorEvent {
  const message = `Forge cannot be reached any more: ${error.message}`.slice(0, 2000);
  return logEvent('error', message, { kind: 'stream_error', stream: 'diff', lost: true });
}

function logEvent(level: string, message: string, details: MirrorDetails): MirrorEvent {
  return { draft: parseDraft('log', { level, message, details }), details };
}

/**
 * Whether an event may be of a kind, decided without parsing: a follower interested only in diffs skips hundreds of
 * thousands of lines. Never false for an event that is; quotes inside texts are escaped.
 */
export function mayBe(kind: MirrorDetails['kind'], { type, data }: RecordedEvent): boolean {
  return (type === 'log' || type === 'status') && data.includes(`"details":{"kind":"${kind}"`);
}

/** The details of a mirroring operation's event; undefined for events not from the mirror. */
export function mirrorDetails({ type, data }: RecordedEvent): MirrorDetails | undefined {
  if (type !== 'log' && type !== 'status') return undefined;
  const { details } = JSON.parse(data) as { details?: JsonObject };
  return typeof details?.kind === 'string' ? (details as unknown as MirrorDetails) : undefined;
}
