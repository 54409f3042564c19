/** Lines named in the address: `42`, or `42-57`. */
export interface LineRange {
  readonly from: number;
  readonly to: number;
}

export function parseLines(text: string | undefined): LineRange | undefined {
  const match = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(text ?? '');
  if (!match) return undefined;
  const from = Number(match[1]);
  const to = Number(match[2] ?? match[1]);
  if (from < 1 || to < 1) return undefined;
  return from <= to ? { from, to } : { from: to, to: from };
}

export function formatLines({ from, to }: LineRange): string {
  return from === to ? String(from) : `${from}-${to}`;
}

/** A click on a line number chooses that line; with Shift, everything from the line chosen before. */
export function selectLine(current: LineRange | undefined, seq: number, extend: boolean): LineRange {
  if (!extend || !current) return { from: seq, to: seq };
  return seq < current.from ? { from: seq, to: current.to } : { from: current.from, to: seq };
}

export function includesLine(range: LineRange | undefined, seq: number): boolean {
  return range !== undefined && seq >= range.from && seq <= range.to;
}
