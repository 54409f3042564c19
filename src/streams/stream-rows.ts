import type { WriterState } from './decide-append.js';
import type { StreamUsage } from './stream-store.js';
import type { ProducerSequence, StreamEntry, StreamHead } from './stream.js';

/** What an append changes beside the stream itself; null: unchanged. */
export interface WriterChange {
  readonly streamSeq: string | null;
  readonly producer: ProducerSequence | null;
  readonly closedBy: ProducerSequence | null;
}

/** The tables of an engine, inside one transaction, as `StreamWriter` reads and changes them. */
export interface StreamRows {
  byPath(tenant: string, path: string): StreamHead | undefined;
  byId(id: number): StreamHead | undefined;
  writers(id: number, producerId: string | null): WriterState;
  /** How many streams inherit from it. */
  forks(id: number): number;
  usage(tenant: string): StreamUsage;
  /** Of all tenants. */
  totalBytes(): number;
  /** How many entries begin before a position, inherited ones included. */
  entriesBefore(head: StreamHead, position: number): number;
  /** @returns it with its id, which no stream ever had */
  insert(head: Omit<StreamHead, 'id'>): StreamHead;
  update(head: StreamHead, change: WriterChange): void;
  addEntries(id: number, entries: readonly StreamEntry[]): void;
  addForks(id: number, count: 1 | -1): void;
  addUsage(tenant: string, change: StreamUsage): void;
  /** The stream with its entries and producers. */
  delete(head: StreamHead): void;
}
