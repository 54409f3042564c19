import type { FollowedEvent } from '../../client/index.js';
import { eventLine } from './event-line.js';
import { output } from './output.js';
import { LiveArea } from './live-area.js';
import { progressRow, type RowState } from './progress-row.js';
import { styleFor } from './style.js';

/** Output of followed events: a terminal with bars, plain lines for a pipe, or JSON. */
export interface Printer {
  /**
   * @param label the operation's name, where there are several
   * @returns resolves when the next may be printed; a slow reader is not flooded
   */
  event(event: FollowedEvent, label?: string): Promise<void>;
  /** A notice about the connection; not part of JSON output. */
  notice(text: string): void;
  close(): void;
}

/** @param rows the active operations, requested at every redraw of a terminal */
export function createPrinter(options: { json?: boolean }, rows: () => readonly RowState[]): Printer {
  if (options.json) return new JsonPrinter();
  const { stdout } = process;
  return stdout.isTTY && process.env.TERM !== 'dumb' ? new TerminalPrinter(rows) : new LinePrinter();
}

/** One JSON text per line, exactly as received. */
class JsonPrinter implements Printer {
  event(event: FollowedEvent): Promise<void> {
    return output.write(`${JSON.stringify(event)}\n`);
  }

  notice(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  close(): void {}
}

class LinePrinter implements Printer {
  readonly #style = styleFor(process.stdout);

  event(event: FollowedEvent, label?: string): Promise<void> {
    return output.write(`${labelled(eventLine(event, this.#style), label)}\n`);
  }

  notice(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  close(): void {}
}

/** Progress updates the bars; everything else scrolls above them. */
class TerminalPrinter implements Printer {
  readonly #style = styleFor(process.stdout);
  readonly #area: LiveArea;

  constructor(rows: () => readonly RowState[]) {
    this.#area = new LiveArea(process.stdout, (columns) => {
      const now = Date.now() / 1000;
      return rows().map((row) => progressRow(row, columns, now, this.#style));
    });
  }

  event(event: FollowedEvent, label?: string): Promise<void> {
    if (event.event_type === 'progress') this.#area.update();
    else this.#area.print(labelled(eventLine(event, this.#style), label && this.#style('dim', label)));
    return Promise.resolve();
  }

  notice(text: string): void {
    this.#area.print(this.#style('yellow', text));
  }

  close(): void {
    this.#area.close();
  }
}

function labelled(line: string, label: string | undefined): string {
  return label ? `${label}  ${line}` : line;
}
