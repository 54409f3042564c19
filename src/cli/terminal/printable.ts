import { stripVTControlCharacters } from 'node:util';

/**
 * Makes untrusted text safe to print: a job's output must not move the cursor or retitle the viewer's terminal. Line
 * breaks stay, tabs become spaces.
 */
export function printable(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll('\r\n', '\n')
    .replaceAll('\t', '    ')
    .replaceAll(/[^\P{Cc}\n]/gu, '')
    .replaceAll(DIRECTION_MARKS, '');
}

/** They would display text in another order than it is written. */
const DIRECTION_MARKS = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;

/** The same, on one line. */
export function printableLine(text: string): string {
  return printable(text).replaceAll('\n', ' ').trim();
}

/** Terminal cells of a text: wide characters count two, combining ones none. */
export function cellWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** Truncates printable text to a number of cells, with an ellipsis. */
export function fit(text: string, cells: number): string {
  if (cellWidth(text) <= cells) return text;
  let width = 0;
  let kept = '';
  for (const character of text) {
    width += characterWidth(character);
    if (width > cells - 1) break;
    kept += character;
  }
  return cells > 0 ? `${kept}…` : '';
}

function characterWidth(character: string): number {
  if (/\p{M}|\p{Cf}/u.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** East Asian wide forms and pictographs, which terminals show two cells wide. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uFF01-\uFF60]/u;
