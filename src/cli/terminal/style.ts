import { styleText } from 'node:util';

type Format = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Colours for a terminal, or none. */
export type Style = (format: Format, text: string) => string;

export const plain: Style = (_format, text) => text;

/** Colours only where a person sees them; `NO_COLOR` and dumb terminals are respected. */
export function styleFor(stream: { isTTY?: boolean }): Style {
  const wanted = stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  return wanted ? (format, text) => styleText(format, text) : plain;
}
