/** A log that can be followed, and what delivery needs to know about its entries. */
export interface Topic<Entry> {
  readonly tenant: string;
  /** What the log belongs to; null for the log of a whole tenant. */
  readonly id: string | null;
  /** Unique among the topics of the same subscriptions. */
  readonly key: string;
  /** Whether no entry is missing from the first one on; otherwise trimming leaves holes. */
  readonly contiguous: boolean;
  /** An entry's place in the log; increases from entry to entry. */
  cursorOf(entry: Entry): number;
  /** No entry follows this one. */
  isFinal(entry: Entry): boolean;
  /** Drops superseded entries of a batch, for subscribers that do not want them. */
  coalesce?(entries: readonly Entry[]): readonly Entry[];
}

/** Entries after a cursor. */
export interface Page<Entry> {
  readonly events: readonly Entry[];
  /** Lowest cursor after which nothing was trimmed. */
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
