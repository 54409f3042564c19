/** How much of a store one request may look at; tests make them small. */
export interface ListBounds {
  /** Rows looked at in one turn of the event loop; about a millisecond. */
  readonly step: number;
  /** Rows looked at for one page, when no index answers its filter. */
  readonly page: number;
  /** Rows looked at to count. */
  readonly count: number;
  /** Running operations that are sorted by their last event. */
  readonly running: number;
  /** Types of one prefix that are looked up each by its own; more are found by their rows. */
  readonly types: number;
}

export const LIST_BOUNDS: ListBounds = { step: 500, page: 5000, count: 100_000, running: 1000, types: 32 };
