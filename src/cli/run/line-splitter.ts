/** A piece of a program's output between two line ends. */
export interface OutputLine {
  readonly text: string;
  /** It ended with a carriage return: the program will redraw it, as progress bars do. */
  readonly redrawn: boolean;
}

/** Characters after which an unterminated line is cut; well below the limit of an event's message. */
const MAX_LINE = 16_384;

/** Splits arbitrary chunks of text into lines; the result does not depend on the chunking. */
export class LineSplitter {
  #rest = '';

  constructor(private readonly onLine: (line: OutputLine) => void) {}

  write(text: string): void {
    this.#rest += text;
    let start = 0;
    for (let at = this.#nextEnd(0); at !== -1; at = this.#nextEnd(start)) {
      const isReturn = this.#rest[at] === '\r';
      // Whether `\r` is alone or begins `\r\n` is known only with the next character.
      if (isReturn && at === this.#rest.length - 1) break;
      const isPair = isReturn && this.#rest[at + 1] === '\n';
      this.#deliver(this.#rest.slice(start, at), isReturn && !isPair);
      start = at + (isPair ? 2 : 1);
    }
    this.#rest = this.#rest.slice(start);
    // A `\r` at the very end may still belong to the previous line.
    while (this.#rest.length > MAX_LINE + 1) {
      const end = cutOf(this.#rest);
      this.#deliver(this.#rest.slice(0, end), false);
      this.#rest = this.#rest.slice(end);
    }
  }

  /** The output is complete: the rest is a line, too. */
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
      const end = cutOf(rest);
      this.onLine({ text: rest.slice(0, end), redrawn: false });
      rest = rest.slice(end);
    }
    this.onLine({ text: rest, redrawn });
  }
}

const ENDS = /[\r\n]/g;

const ESCAPE = String.fromCharCode(0x1b);
/** Characters of an escape sequence that is kept whole, and of a surrogate pair. */
const UNFINISHED = new RegExp(`(?:${ESCAPE}(?:\\[[0-?]{0,64})?|[\\uD800-\\uDBFF])$`);

/** Where a long line is cut: not within a colour or a character. */
function cutOf(text: string): number {
  return UNFINISHED.exec(text.slice(0, MAX_LINE))?.index ?? MAX_LINE;
}
