/** A log that can be followed, and what delivery has to know of its entries. */
export interface Topic<Entry> {
  readonly tenant: string;
  /** What the log belongs to; null for the log of a whole tenant. */
  readonly id: string | null;
  /** Tells it from every other topic that the same subscriptions serve. */
  readonly key: string;
  /** Whether no entry from the log's first one on is missing; otherwise trimming leaves holes. */
  readonly contiguous: boolean;
  /** An entry's place in the log; it grows from entry to entry. */
  cursorOf(entry: Entry): number;
  /** Nothing comes after this entry. */
  isFinal(entry: Entry): boolean;
  /** What is left of a batch for a subscriber that does without superseded entries. */
  coalesce?(entries: readonly Entry[]): readonly Entry[];
}

/** Entries after a cursor. */
export interface Page<Entry> {
  readonly events: readonly Entry[];
  /** Lowest cursor from which on nothing was trimmed. */
  readonly first: number;
  /** Newest cursor. */
  readonly head: number;
}

export interface PageBounds {
  readonly limit: number;
  /** Stop after the entry that reaches this many characters; at least one is returned. */
  readonly maxBytes: number;
}

/** Reads a topic's log after a cursor; null when there is no such log. */
export type ReadLog<Entry> = (after: number, bounds: PageBounds) => Promise<Page<Entry> | null>;
