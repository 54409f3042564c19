import type { GenerationStart } from './offset.js';
import type { Piece } from './stream-store.js';
import { endOf, type StreamEntry, type StreamHead } from './stream.js';

/**
 * Adds pieces to a stream; closing it is an entry of its own only where nothing else is added.
 * @returns the stream afterwards, and what was added
 */
export function grow(
  head: StreamHead,
  pieces: readonly Piece[],
  closes: boolean,
  generation: string,
): { readonly head: StreamHead; readonly entries: readonly StreamEntry[] } {
  const parts = pieces.length === 0 && closes ? [{ length: 0, data: Buffer.alloc(0) }] : pieces;
  const entries: StreamEntry[] = [];
  let { tail, lastSeq } = head;
  for (const [index, { length, data }] of parts.entries()) {
    const isNewest = index === parts.length - 1;
    entries.push({ seq: ++lastSeq, start: tail, length, data, closes: closes && isNewest, isNewest });
    tail += length;
  }
  return {
    head: {
      ...head,
      tail,
      lastSeq,
      bytes: head.bytes + parts.reduce((sum, { data }) => sum + data.length, 0),
      closed: head.closed || closes,
      generations: tail > head.tail ? begun(head.generations, generation, head.tail) : head.generations,
    },
    entries,
  };
}

/** Generations remembered of a stream: a reader that comes back from an older one begins again. */
const MAX_GENERATIONS = 32;

/** The generations of a stream once this one has appended to it. */
export function begun(
  generations: readonly GenerationStart[],
  generation: string,
  from: number,
): readonly GenerationStart[] {
  if (generations.at(-1)?.[0] === generation) return generations;
  const [oldest, ...others] = [...generations, [generation, from] as const].slice(-MAX_GENERATIONS);
  // The oldest one that is left stands for those before it.
  return [[oldest![0], 0], ...others];
}

/** An inherited entry as a fork shows it: cut where the fork leaves its source, and never the end. */
export function inherited(entry: StreamEntry, until: number, cut: Cut): StreamEntry {
  const length = Math.min(entry.length, until - entry.start);
  const data = length === entry.length ? entry.data : cut(entry.data, length);
  return { ...entry, length, data, closes: false, isNewest: false };
}

/** The first bytes, or in JSON mode the first messages, of an entry's data. */
export type Cut = (data: Buffer, length: number) => Buffer;

/** An entry as somebody sees it who has read a part of it already. */
export function after(entry: StreamEntry, position: number, drop: Cut): StreamEntry {
  const skipped = position - entry.start;
  if (skipped <= 0) return entry;
  return { ...entry, start: position, length: endOf(entry) - position, data: drop(entry.data, skipped) };
}
