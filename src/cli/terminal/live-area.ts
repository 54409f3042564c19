import type { WriteStream } from 'node:tty';

/** Minimum redraw interval, however many events arrive. */
const FRAME_MS = 60;
/** Maximum redraw interval, so that elapsed times move. */
const IDLE_MS = 1000;

/** Share of the screen for rows. */
const SHARE = 2 / 3;

const HIDE_CURSOR = '\u001B[?25l';
const SHOW_CURSOR = '\u001B[?25h';
const CLEAR_BELOW = '\u001B[J';
const up = (rows: number): string => (rows > 0 ? `\u001B[${rows}A` : '');

/**
 * The lower part of a terminal that is redrawn in place while finished lines scroll above it. Close it to restore the
 * cursor.
 */
export class LiveArea {
  #lines: string[] = [];
  /** Rows on screen; the cursor is behind the last. */
  #drawn = 0;
  #scheduled: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout;
  #closed = false;

  /** @param rows returns what to show, each row cut to the number of columns; called at every redraw */
  constructor(
    private readonly stream: WriteStream,
    private readonly rows: (columns: number) => readonly string[],
  ) {
    stream.write(HIDE_CURSOR);
    this.#idle = setInterval(() => this.#draw(), IDLE_MS);
    this.#idle.unref();
  }

  /** Prints a permanent line. */
  print(line: string): void {
    this.#lines.push(line);
    this.update();
  }

  /** The rows have changed. */
  update(): void {
    this.#scheduled ??= setTimeout(() => this.#draw(), FRAME_MS);
  }

  /** Removes the rows and leaves the lines. */
  close(): void {
    if (this.#closed) return;
    this.#draw([]);
    this.#closed = true;
    clearInterval(this.#idle);
    this.stream.write(SHOW_CURSOR);
  }

  #draw(rows: readonly string[] = this.#visibleRows()): void {
    clearTimeout(this.#scheduled);
    this.#scheduled = undefined;
    if (this.#closed) return;
    const erase = this.#drawn > 0 ? `\r${up(this.#drawn - 1)}${CLEAR_BELOW}` : '';
    const lines = this.#lines.map((line) => `${line}\n`).join('');
    this.#lines = [];
    this.#drawn = rows.length;
    this.stream.write(erase + lines + rows.join('\n'));
  }

  #visibleRows(): readonly string[] {
    // Lines that scroll above the rows need room to be read.
    const height = Math.max(2, Math.floor(this.stream.rows * SHARE));
    const rows = this.rows(this.stream.columns - 1);
    if (rows.length <= height) return rows;
    const shown = rows.slice(1 - height);
    return [`… and ${rows.length - shown.length} more`, ...shown];
  }
}
