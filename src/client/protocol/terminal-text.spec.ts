import { stripVTControlCharacters } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { overwritten, TerminalLines } from './terminal-text.js';

const ESC = '\u001B';
const red = `${ESC}[31m`;
const reset = `${ESC}[0m`;
const read = (...lines: string[]) => {
  const reader = new TerminalLines();
  return lines.map((line) => reader.read(line));
};

describe('lines of a terminal', () => {
  it('keep colours beside the plain text, and nothing where there are none', () => {
    expect(read(`a ${red}red${reset} word`)).toEqual([
      { plain: 'a red word', ansi: `a ${red}red${reset} word` },
    ]);
    expect(read(`${ESC}[1;38;2;1;2;3mx${ESC}[m`)).toEqual([
      { plain: 'x', ansi: `${ESC}[1;38;2;1;2;3mx${ESC}[m` },
    ]);
    expect(read('plain', `${reset}plain${reset}`, `${red}${reset}`)).toEqual([
      { plain: 'plain' },
      { plain: 'plain' },
      { plain: '' },
    ]);
  });

  it('a colour lasts until it is reset, also over several lines', () => {
    expect(read(`${red}one`, 'two', `three${reset} four`, 'five')).toEqual([
      { plain: 'one', ansi: `${red}one${reset}` },
      { plain: 'two', ansi: `${red}two${reset}` },
      { plain: 'three four', ansi: `${red}three${reset} four` },
      { plain: 'five' },
    ]);
    expect(read(`${red}a${ESC}[0;1mb`, 'c')[1]).toEqual({ plain: 'c', ansi: `${ESC}[0;1mc${reset}` });
  });

  it.each([
    ['cursor movement', `${ESC}[2J${ESC}[1;1H${ESC}[K`],
    ['a title', `${ESC}]0;owned${ESC}\\`],
    ['a title that ends with a bell', `${ESC}]0;${red}owned\u0007`],
    ['a link', `${ESC}]8;;http://x${ESC}\\`],
    ['a clipboard write', `${ESC}]52;c;aGk=\u0007`],
    ['a device string', `${ESC}P1$r0m${ESC}\\`],
    ['an application command', `${ESC}_x${ESC}\\`],
    ['a private mode', `${ESC}[?1049h`],
    ['a key mode that ends like a colour', `${ESC}[>4;2m${ESC}[?4m`],
    ['a query', `${ESC}[6n${ESC}c${ESC}(B`],
    ['eight-bit forms', '\u009B31m\u0090'],
    ['endless parameters', `${ESC}[${'1;'.repeat(100)}m`],
    ['other characters', '\u0000\u0007\u0008\u007F\u0085\u202E'],
  ])('drop %s', (_what, harmful) => {
    expect(read(`a${harmful}b`)).toEqual([{ plain: 'ab' }]);
    expect(read(`${red}a${harmful}b${reset}`)).toEqual([{ plain: 'ab', ansi: `${red}ab${reset}` }]);
  });

  it('drop what was cut off at the end of the line', () => {
    for (const cut of [ESC, `${ESC}[31`, `${ESC}]0;title`, `${ESC}P`])
      expect(read(`a${cut}`)).toEqual([{ plain: 'a' }]);
  });

  it('never hold a sequence that is no colour, whose text is the plain one, within bounds (property)', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        ESC,
        '[',
        ']',
        'm',
        '31',
        ';',
        '0',
        '\u009B',
        '\u0007',
        '\\',
        'P',
        red,
        reset,
        'H',
        '?',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    );
    const line = fc
      .array(piece, { maxLength: 30 })
      .map((pieces) => pieces.join('').replaceAll(/[\r\n]/g, ''));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), (lines) => {
        read(...lines).forEach(({ plain, ansi }, index) => {
          expect(plain).not.toMatch(/[^\P{Cc}\t]/u);
          if (ansi === undefined) return;
          const colours = new RegExp(`${ESC}\\[[0-9;:]{0,64}m`, 'g');
          expect(ansi.replaceAll(colours, '')).toBe(plain);
          expect(stripVTControlCharacters(ansi)).toBe(plain);
          expect(ansi.length).toBeLessThanOrEqual(lines[index]!.length + 256 + reset.length);
        });
      }),
      { numRuns: 2000 },
    );
  });

  it('show the last state of what was drawn over', () => {
    expect(overwritten('10%\r50%\rdone')).toBe('done');
    expect(overwritten('10%\rdone\r')).toBe('done');
    expect(overwritten('plain')).toBe('plain');
  });
});
