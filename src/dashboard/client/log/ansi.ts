/** Colours of terminals as spans with classes: never as HTML. */
export interface Span {
  readonly text: string;
  /** E.g. `ansi-red ansi-bold`; empty for plain text. */
  readonly className: string;
}

const COLOURS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const;

const ESC = '\\u001b';
const BEL = '\\u0007';
/** SGR with its codes; cursor movements and the like; titles and links. */
const SEQUENCE = new RegExp(
  String.raw`${ESC}\[([\d;:]*)m|${ESC}\[[\d;:?]*[A-Za-ln-z]|${ESC}\][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\)`,
  'g',
);

interface Style {
  foreground: string;
  background: string;
  readonly flags: Set<string>;
}

/** Splits a line at its SGR sequences; other control sequences are dropped. */
export function ansiSpans(line: string): Span[] {
  if (!line.includes('\u001b')) return [{ text: line, className: '' }];
  const spans: Span[] = [];
  const style: Style = { foreground: '', background: '', flags: new Set() };
  let end = 0;
  const push = (text: string): void => {
    if (text !== '') spans.push({ text, className: classOf(style) });
  };
  for (const match of line.matchAll(SEQUENCE)) {
    push(line.slice(end, match.index));
    end = match.index + match[0].length;
    if (match[1] !== undefined) applyCodes(style, match[1]);
  }
  push(line.slice(end));
  return spans;
}

function classOf({ foreground, background, flags }: Style): string {
  return [foreground, background, ...flags].filter((name) => name !== '').join(' ');
}

const FLAGS: Readonly<Record<number, string>> = {
  1: 'ansi-bold',
  2: 'ansi-dim',
  3: 'ansi-italic',
  4: 'ansi-underline',
  9: 'ansi-strike',
};

function applyCodes(style: Style, text: string): void {
  const codes = text.split(/[;:]/).map(Number);
  for (let index = 0; index < codes.length; index++) {
    const code = codes[index]!;
    if (code === 0) {
      style.foreground = '';
      style.background = '';
      style.flags.clear();
    } else if (FLAGS[code] !== undefined) style.flags.add(FLAGS[code]);
    else if (code === 22) {
      style.flags.delete('ansi-bold');
      style.flags.delete('ansi-dim');
    } else if (code === 23) style.flags.delete('ansi-italic');
    else if (code === 24) style.flags.delete('ansi-underline');
    else if (code === 29) style.flags.delete('ansi-strike');
    else if (code === 38 || code === 48) {
      const [colour, used] = extendedColour(codes.slice(index + 1));
      index += used;
      if (code === 38) style.foreground = colour && `ansi-${colour}`;
      else style.background = colour && `ansi-on-${colour}`;
    } else if (code === 39) style.foreground = '';
    else if (code === 49) style.background = '';
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97))
      style.foreground = `ansi-${COLOURS[code % 10]}`;
    else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107))
      style.background = `ansi-on-${COLOURS[code % 10]}`;
  }
}

/** The nearest of the eight colours, which both schemes have readable shades of, and the numbers read. */
function extendedColour(codes: readonly number[]): [string, number] {
  if (codes[0] === 5) {
    const index = codes[1] ?? 0;
    if (index < 16) return [COLOURS[index % 8]!, 2];
    if (index >= 232) return [index < 244 ? 'black' : 'white', 2];
    const cube = index - 16;
    return [nearest(Math.floor(cube / 36) * 51, (Math.floor(cube / 6) % 6) * 51, (cube % 6) * 51), 2];
  }
  if (codes[0] === 2) return [nearest(codes[1] ?? 0, codes[2] ?? 0, codes[3] ?? 0), 4];
  return ['', 1];
}

function nearest(red: number, green: number, blue: number): string {
  const strong = Math.max(red, green, blue, 96) * 0.6;
  const index = (red > strong ? 1 : 0) + (green > strong ? 2 : 0) + (blue > strong ? 4 : 0);
  return COLOURS[index]!;
}
