/**
 * Geometry of the log: row n is event n, every row has the same height, and at most one is open. Everything is
 * arithmetic, so that a log of a million events costs as much as one of ten.
 */

/** Browsers lay out at most 16 to 33 million pixels; this many rows of 28 px stay below that. */
export const MAX_ROWS = 500_000;

/** The part of a log that has rows. */
export interface LogWindow {
  /** The event of the topmost row. */
  readonly first: number;
  /** The event of the lowest row; below `first` when there are none. */
  readonly last: number;
}

export interface Geometry extends LogWindow {
  /** Height of a closed row, in pixels. */
  readonly rowHeight: number;
  /** The open row, and how much higher than a closed one it is. */
  readonly open?: { readonly seq: number; readonly extra: number } | undefined;
}

/**
 * The rows to show of a log whose stored events are `firstSeq` to `headSeq`.
 * @param around the event that must be among them; by default the last one
 */
export function windowOf(firstSeq: number, headSeq: number, around = headSeq, maxRows = MAX_ROWS): LogWindow {
  if (headSeq - firstSeq < maxRows) return { first: firstSeq, last: headSeq };
  const wanted = clamp(around, firstSeq, headSeq);
  const first = clamp(wanted - Math.floor(maxRows / 2), firstSeq, headSeq - maxRows + 1);
  return { first, last: first + maxRows - 1 };
}

/**
 * The window after the log has changed. Its upper end moves only while its reader follows the tail: otherwise what he
 * looks at would move.
 */
export function grow(
  window: LogWindow,
  log: { readonly firstSeq: number; readonly headSeq: number },
  following: boolean,
  maxRows = MAX_ROWS,
): LogWindow {
  if (following || window.last < window.first) return windowOf(log.firstSeq, log.headSeq, undefined, maxRows);
  return { first: window.first, last: Math.min(log.headSeq, window.first + maxRows - 1) };
}

export function totalHeight({ first, last, rowHeight, open }: Geometry): number {
  return Math.max(0, last - first + 1) * rowHeight + (open && isIn(open.seq, first, last) ? open.extra : 0);
}

/** Distance of a row from the top of the list. */
export function topOf(seq: number, { first, rowHeight, open }: Geometry): number {
  return (seq - first) * rowHeight + (open && open.seq >= first && open.seq < seq ? open.extra : 0);
}

/** The event at a distance from the top of the list. */
export function seqAt(y: number, { first, last, rowHeight, open }: Geometry): number {
  let row = Math.floor(y / rowHeight);
  if (open && isIn(open.seq, first, last)) {
    const openRow = open.seq - first;
    if (row > openRow) row = Math.max(openRow, Math.floor((y - open.extra) / rowHeight));
  }
  return clamp(first + row, first, last);
}

/** The rows to draw for a scroll position, with a few beyond each edge. */
export function visibleRows(scrollTop: number, height: number, geometry: Geometry, overscan = 8): LogWindow {
  const { first, last } = geometry;
  if (last < first) return { first, last };
  return {
    first: clamp(seqAt(scrollTop, geometry) - overscan, first, last),
    last: clamp(seqAt(scrollTop + height, geometry) + overscan, first, last),
  };
}

/** The scroll position that shows a row in the middle, as far as there are rows around it. */
export function scrollTo(seq: number, height: number, geometry: Geometry): number {
  const centred = topOf(seq, geometry) - Math.max(0, (height - geometry.rowHeight) / 2);
  return clamp(centred, 0, Math.max(0, totalHeight(geometry) - height));
}

function isIn(seq: number, first: number, last: number): boolean {
  return seq >= first && seq <= last;
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
