import { LEVELS, levelOf, type Level } from '../../../client/protocol/log-level.js';
import { overwritten, TerminalLines } from '../../../client/protocol/terminal-text.js';
import { isJsonObject, type JsonValue } from '../../../platform/json.js';
import type { RecordedEvent } from '../../operation-event.js';

/** Renders `log` events as lines of text: pure, without a connection. */

export const TIMESTAMPS = ['none', 'utc', 'elapsed'] as const;
export type Timestamps = (typeof TIMESTAMPS)[number];

export interface TextOptions {
  /** The least severe level that is shown. */
  readonly level: Level;
  readonly timestamps: Timestamps;
  /** Keep colours (SGR sequences); every other control sequence is removed in any case. */
  readonly keepColours: boolean;
  /** Unix seconds that `elapsed` counts from. */
  readonly startedAt: number;
}

/** @returns whether an event is a log event of at least this level */
export function isShown(event: RecordedEvent, least: Level): boolean {
  if (event.type !== 'log') return false;
  if (least === 'debug') return true;
  return LEVELS.indexOf(levelOf(logOf(event).level)) >= LEVELS.indexOf(least);
}

/** The lines of a log event, each with its line break. */
export function textOf(event: RecordedEvent, { timestamps, keepColours, startedAt }: TextOptions): string {
  const { message, ansi } = logOf(event);
  const prefix = prefixOf(event.timestamp, timestamps, startedAt);
  return linesOf(keepColours ? (ansi ?? message) : message, keepColours)
    .map((line) => `${prefix}${line}\n`)
    .join('');
}

/** What stands in the text where events are no longer kept. @param first the oldest seq that is */
export function trimmedText(first: number): string {
  return `[earlier events are no longer kept; the log goes on with event ${first}]\n`;
}

function logOf(event: RecordedEvent): { level: JsonValue | undefined; message: string; ansi?: string } {
  const data = JSON.parse(event.data) as JsonValue;
  if (!isJsonObject(data)) return { level: undefined, message: '' };
  const { level, message, details } = data;
  const ansi = isJsonObject(details) ? details.ansi : undefined;
  return {
    level,
    message: typeof message === 'string' ? message : '',
    ...(typeof ansi === 'string' && { ansi }),
  };
}

function prefixOf(timestamp: number, timestamps: Timestamps, startedAt: number): string {
  if (timestamps === 'none') return '';
  if (timestamps === 'utc') return `${new Date(timestamp * 1000).toISOString()} `;
  return `+${Math.max(0, timestamp - startedAt).toFixed(3)}s `;
}

/** Output of a program must not move the cursor of the terminal that shows it, or retitle its window. */
function linesOf(message: string, keepColours: boolean): string[] {
  const terminal = new TerminalLines();
  return message
    .replace(/\r?\n$/, '')
    .split(/\r?\n/)
    .map((line) => {
      const { plain, ansi } = terminal.read(overwritten(line));
      return keepColours ? (ansi ?? plain) : plain;
    });
}
