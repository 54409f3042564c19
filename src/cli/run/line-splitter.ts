/** A piece of a program's output between two line ends. */
export interface OutputLine {
  readonly text: string;
  /** It ended with a carriage return: the program draws over it, as progress bars do. */
  readonly redrawn: boolean;
}

/** Characters after which a line that does not end is cut; well below what an event's message may hold. */
const MAX_LINE = 16_384;

/** Cuts text that comes in arbitrary pieces into lines; the cuts do not depend on the pieces. */
export class LineSplitter {
  #rest = '';

  constructor(private readonly onLine: (line: OutputLine) => void) {}

  write(text: string): void {
    this.#rest += text;
    let start = 0;
    for (let at = this.#nextEnd(0); at !== -1; at = this.#nextEnd(start)) {
      const isReturn = this.#rest[at] === '\r';
      // Whether `\r` stands alone or begins `\r\n` is only known with the next character.
      if (isReturn && at === this.#rest.length - 1) break;
      const isPair = isReturn && this.#rest[at + 1] === '\n';
      this.#deliver(this.#rest.slice(start, at), isReturn && !isPair);
      start = at + (isPair ? 2 : 1);
    }
    this.#rest = this.#rest.slice(start);
    // A `\r` at the very end may still belong to the line before it.
    while (this.#rest.length > MAX_LINE + 1) {
      this.#deliver(this.#rest.slice(0, MAX_LINE), false);
      this.#rest = this.#rest.slice(MAX_LINE);
    }
  }

  /** The output is over: what is left is a line, too. */
  end(): void {
    const rest = this.#rest.replace(/\r$/, '');
    this.#rest = '';
    if (rest !== '') this.#deliver(rest, false);
  }

  #nextEnd(from: number): number {
    ENDS.lastIndex = from;
    return ENDS.exec(this.#rest)?.index ?? -1;
  }

  #deliver(text: string, redrawn: boolean): void {
    let rest = text;
    while (rest.length > MAX_LINE) {
      this.onLine({ text: rest.slice(0, MAX_LINE), redrawn: false });
      rest = rest.slice(MAX_LINE);
    }
    this.onLine({ text: rest, redrawn });
  }
}

const ENDS = /[\r\n]/g;
