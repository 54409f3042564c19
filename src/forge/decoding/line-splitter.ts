/** UTF-16 units; longer lines are cut into pieces of this length, because a log event's message is limited. */
export const MAX_LINE_LENGTH = 60_000;

/**
 * Splits chunks into lines; what follows the last newline waits for the next chunk. The lines do not depend on the
 * chunking.
 */
export class LineSplitter {
  private rest = '';

  /** @returns the lines completed by this chunk, without line ends */
  push(chunk: string): string[] {
    const parts = (this.rest + chunk).split('\n');
    this.rest = parts.pop() ?? '';
    const lines = parts.flatMap((line) => {
      const pieces = cut(line);
      return [...pieces.whole, withoutReturn(pieces.rest)];
    });
    if (this.rest.length <= MAX_LINE_LENGTH) return lines;
    const { whole, rest } = cut(this.rest);
    this.rest = rest;
    return [...lines, ...whole];
  }

  /** The stream has ended: the rest is a line without a line end. */
  end(): string[] {
    const last = this.rest;
    this.rest = '';
    return last === '' ? [] : [withoutReturn(last)];
  }
}

/** Pieces of the full length, never split within a surrogate pair. */
function cut(line: string): { whole: string[]; rest: string } {
  const whole: string[] = [];
  let start = 0;
  while (line.length - start > MAX_LINE_LENGTH) {
    const end = start + MAX_LINE_LENGTH;
    const at = isHighSurrogate(line.charCodeAt(end - 1)) ? end - 1 : end;
    whole.push(line.slice(start, at));
    start = at;
  }
  return { whole, rest: start === 0 ? line : line.slice(start) };
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
