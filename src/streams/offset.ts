import { OpstreamError } from '../platform/errors/opstream-error.js';

/**
 * Where a reader of a stream stands. `position` counts bytes, in JSON mode messages, from the beginning of the stream.
 * `generation` names the log that gave the position out: after a restore or a loss, the same positions may hold other
 * data, and the generation is then a later one.
 */
export interface Offset {
  readonly generation: string;
  readonly position: number;
}

/** A generation of the log and the position at which it began to append to the stream. */
export type GenerationStart = readonly [generation: string, from: number];

const DIGITS = 16;
const TOKEN = /^(\d{16})_(\d{16})$/;
/** The beginning of every stream, in any generation. */
const BEGINNING = '0'.repeat(DIGITS);

/** @returns a generation that sorts after every one given out before; `now` in milliseconds since the epoch */
export function nextGeneration(now: number, previous?: string): string {
  return padded(previous === undefined ? now : Math.max(now, Number(previous) + 1));
}

/** The token of an offset: opaque to clients, sorts as text, needs no escaping in a URL. */
export function encodeOffset({ generation, position }: Offset): string {
  return `${generation}_${padded(position)}`;
}

/** @throws OpstreamError `invalid_cursor` */
export function decodeOffset(token: string): Offset {
  const [, generation, position] = TOKEN.exec(token) ?? [];
  if (generation === undefined) {
    throw new OpstreamError('invalid_cursor', 'An offset is -1, now, or a Stream-Next-Offset of this stream');
  }
  return { generation, position: Number(position) };
}

const padded = (value: number): string => String(value).padStart(DIGITS, '0');

/** The generation that appended at this position; a tail belongs to the newest. */
export function generationAt(generations: readonly GenerationStart[], position: number): string {
  const found = generations.findLast(([, from]) => from <= position) ?? generations[0]!;
  return found[0];
}

/**
 * True when the stream still has the data that the offset was given out for: its generation appended here, and no later
 * one began before the offset's position.
 */
export function isKnown(generations: readonly GenerationStart[], { generation, position }: Offset): boolean {
  if (generation === BEGINNING && position === 0) return true;
  const index = generations.findIndex(([name]) => name === generation);
  if (index < 0 || generations[index]![1] > position) return false;
  const next = generations[index + 1];
  return next === undefined || position <= next[1];
}
