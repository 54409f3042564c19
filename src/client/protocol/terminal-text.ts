/**
 * What a log shows of a terminal's output: plain text, and its colours beside it (`details.ansi`). Colours and styles
 * are SGR sequences, "Select Graphic Rendition" (ECMA-48, section 8.3.117); every other sequence is dropped.
 */

const ESC = String.fromCharCode(0x1b);
const CSI = String.fromCharCode(0x9b);
const BEL = String.fromCharCode(0x07);
const ST = String.fromCharCode(0x9c);

/** Longer ones are no colours but an attack on the reader. */
const MAX_PARAMETERS = 64;
/** Characters of colours that a line takes over from the lines before it. */
const MAX_CARRIED = 256;

/** Strings come first, because their text may look like another sequence: titles, links, images. */
const STRING = `${ESC}[\\]PX^_](?:(?!${ESC}\\\\|${BEL}|${ST})[^])*(?:${ESC}\\\\|${BEL}|${ST}|$)`;
const CONTROL = `(?:${ESC}\\[|${CSI})[0-?]*[ -/]*(?:[@-~]|$)`;
const OTHER = `${ESC}[ -/]*(?:[0-~]|$)`;
const SEQUENCE = new RegExp(`(${STRING}|${CONTROL}|${OTHER})`);
const SGR = new RegExp(`^${ESC}\\[[0-9;:]{0,${MAX_PARAMETERS}}m$`);
/** Begins with a reset: what was set before is over. */
const RESETS = new RegExp(`^${ESC}\\[0*(?:;|m)`);
const RESET = `${ESC}[0m`;
/** Control characters but the tab, and marks that display a text in another order than it is written. */
const HARMFUL = /[^\P{Cc}\t]|[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu;

/** A line as a log records it. */
export interface TerminalLine {
  readonly plain: string;
  /** The same text with its colours; absent when it has none. */
  readonly ansi?: string;
}

/** Reads the lines of one stream, one after another: a colour lasts until it is reset. */
export class TerminalLines {
  #carried = '';

  read(line: string): TerminalLine {
    if (this.#carried === '' && !line.includes(ESC) && !line.includes(CSI)) return { plain: clean(line) };
    const colours: string[] = [];
    let plain = '';
    let ansi = '';
    // The captured sequences stand at the odd places. What is between them loses every escape that began none.
    for (const [index, part] of line.split(SEQUENCE).entries()) {
      const isColour = index % 2 === 1 && SGR.test(part);
      const text = index % 2 === 1 ? '' : clean(part);
      if (isColour) colours.push(part);
      plain += text;
      ansi += isColour ? part : text;
    }
    const before = this.#carried;
    for (const colour of colours) this.#carry(colour);
    const isColoured = plain.trim() !== '' && (before !== '' || colours.some((each) => !RESETS.test(each)));
    if (!isColoured) return { plain };
    return { plain, ansi: `${before}${ansi}${this.#carried === '' ? '' : RESET}` };
  }

  #carry(colour: string): void {
    const carried = RESETS.test(colour) ? (isReset(colour) ? '' : colour) : this.#carried + colour;
    this.#carried = carried.length > MAX_CARRIED ? '' : carried;
  }
}

/** What a terminal shows of a line that goes back to its beginning: the text after the last `\r` that has any. */
export function overwritten(line: string): string {
  return line.includes('\r') ? (line.split('\r').findLast((part) => part !== '') ?? '') : line;
}

function isReset(colour: string): boolean {
  return /^[0;:]*m$/.test(colour.slice(2));
}

function clean(text: string): string {
  return text.replaceAll(HARMFUL, '');
}
