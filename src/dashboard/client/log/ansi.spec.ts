import { describe, expect, it } from 'vitest';
import { ansiSpans } from './ansi.js';

const ESC = '\u001b';

describe('terminal colours', () => {
  it('leaves plain text alone', () => {
    expect(ansiSpans('<b>plain</b>')).toEqual([{ text: '<b>plain</b>', className: '' }]);
  });

  it('turns sequences into classes, and off again', () => {
    expect(ansiSpans(`a ${ESC}[1;31mred${ESC}[22m still red${ESC}[0m plain`)).toEqual([
      { text: 'a ', className: '' },
      { text: 'red', className: 'ansi-red ansi-bold' },
      { text: ' still red', className: 'ansi-red' },
      { text: ' plain', className: '' },
    ]);
    expect(ansiSpans(`${ESC}[92;44mx${ESC}[39;49my`)).toEqual([
      { text: 'x', className: 'ansi-green ansi-on-blue' },
      { text: 'y', className: '' },
    ]);
  });

  it.each([
    ['38;5;196', 'ansi-red'],
    ['38;5;4', 'ansi-blue'],
    ['38;2;0;200;0', 'ansi-green'],
    ['38:2:230:60:220', 'ansi-magenta'],
    ['48;5;226', 'ansi-on-yellow'],
    ['38;5;255', 'ansi-white'],
    ['38;9', ''],
  ])('understands %s', (codes, className) => {
    expect(ansiSpans(`${ESC}[${codes}mx`)).toEqual([{ text: 'x', className }]);
  });

  it('drops sequences that move the cursor or set titles', () => {
    expect(ansiSpans(`${ESC}[2K${ESC}]0;title\u0007a${ESC}[1Ab`).map(({ text }) => text)).toEqual(['a', 'b']);
  });
});
