import { stripVTControlCharacters, styleText } from 'node:util';

type Format = 'dim' | 'red' | 'yellow' | 'cyan';
type Style = (format: Format, text: string) => string;

const LEVEL_FORMAT: Readonly<Record<string, Format>> = {
  fatal: 'red',
  error: 'red',
  warn: 'yellow',
  info: 'cyan',
};
/** Members with a fixed place in a line. */
const PLACED = new Set(['level', 'time', 'context', 'msg', 'event', 'error', 'stack']);

/** Formats a JSON log line for people: time of day, level, component, message, and the rest as `name=value`. */
export function readableLine(line: string, colours = process.env.NO_COLOR ? undefined : styleText): string {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const style: Style = colours ?? ((_format, text) => text);
  const { level, time, context, msg, event, error, stack } = entry;
  const name = text(level).toUpperCase();
  const words = [
    style('dim', new Date(text(time)).toTimeString().slice(0, 8)),
    style(LEVEL_FORMAT[text(level)] ?? 'dim', name.padEnd(5)),
    ...(context === undefined ? [] : [style('dim', `[${text(context)}]`)]),
    ...[event, msg].filter((part) => part !== undefined).map(text),
    ...Object.entries(entry)
      .filter(([member, value]) => !PLACED.has(member) && value !== undefined)
      .map(([member, value]) => style('dim', `${text(member)}=${text(value)}`)),
  ];
  const trace = [stackOf(error), typeof stack === 'string' ? block(stack) : ''].join('');
  return `${words.join(' ')}\n${trace}`;
}

function stackOf(error: unknown): string {
  if (error === undefined) return '';
  const { stack, message } = (error ?? {}) as { stack?: unknown; message?: unknown };
  return block([stack, message].find((one) => typeof one === 'string') ?? JSON.stringify(error));
}

/** Indented lines below an entry. */
function block(value: string): string {
  return value
    .split('\n')
    .map((part) => `    ${printable(part)}\n`)
    .join('');
}

function text(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}

/** Client input must not move the cursor or retitle the terminal. */
function printable(value: string): string {
  return stripVTControlCharacters(value).replaceAll(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu, ' ');
}
