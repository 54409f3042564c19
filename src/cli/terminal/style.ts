import { styleText } from 'node:util';

type Format = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Colours for a terminal, or none. */
export type Style = (format: Format, text: string) => string;

export const plain: Style = (_format, text) => text;

/** Colours on a terminal; `NO_COLOR`, `FORCE_COLOR` and dumb terminals are respected. */
export function styleFor(stream: { isTTY?: boolean }): Style {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  const forced = FORCE_COLOR !== undefined && FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
  const wanted = forced || (stream.isTTY === true && TERM !== 'dumb' && FORCE_COLOR === undefined);
  if (!wanted || NO_COLOR) return plain;
  return (format, text) => styleText(format, text, { validateStream: false });
}
