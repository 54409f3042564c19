import type { FollowedEvent, JsonObject, OperationEvent } from './sdk.js';
import { ansiSpans } from './ansi.js';
import { levelOf, type Level } from './level.js';

/** One event as a row of the log. */
export interface EventText {
  readonly level: Level;
  /** The first line, as far as a row can show it. */
  readonly line: string;
  /** Everything, when the row does not show it all. */
  readonly full: string | undefined;
  /** Custom data of the event. */
  readonly details: JsonObject | undefined;
}

/** More than any screen is wide. */
const MAX_LINE = 600;

const cache = new WeakMap<OperationEvent, EventText>();

export function textOf(event: OperationEvent): EventText {
  const known = cache.get(event);
  if (known) return known;
  const text = describe(event);
  cache.set(event, text);
  return text;
}

function describe(event: OperationEvent): EventText {
  switch (event.event_type) {
    case 'log': {
      const { level, message, details } = event.data;
      const coloured = typeof details?.ansi === 'string' ? details.ansi : message;
      return rowOf(levelOf(level), coloured, withoutAnsi(details));
    }
    case 'progress': {
      const { progress, message, details } = event.data;
      return rowOf('info', `${percent(progress)}${message && ` · ${message}`}`, filled(details));
    }
    case 'status': {
      const { status, message, details } = event.data;
      return rowOf('info', `${status}${message ? ` · ${message}` : ''}`, filled(details));
    }
    case 'result':
      return rowOf('info', inline(event.data.result), undefined);
    case 'completed':
      return rowOf('info', `completed after ${event.data.duration.toFixed(1)} s`, undefined);
    case 'error': {
      const { error, error_type: type, details } = event.data;
      return rowOf('error', `${type}: ${error}`, filled(details));
    }
    case 'cancelled':
      return rowOf('warning', `cancelled${event.data.reason && ` · ${event.data.reason}`}`, undefined);
    default:
      return event satisfies never;
  }
}

function rowOf(level: Level, text: string, details: JsonObject | undefined): EventText {
  const lines = text.split('\n').map(lastOverwrite);
  const first = lines[0]!;
  const isWhole = lines.length === 1 && first.length <= MAX_LINE;
  return { level, line: first.slice(0, MAX_LINE), full: isWhole ? undefined : lines.join('\n'), details };
}

/** As on a terminal, text before a carriage return counts as overwritten. */
function lastOverwrite(line: string): string {
  const text = line.replace(/\r+$/, '');
  return text.slice(text.lastIndexOf('\r') + 1);
}

function withoutAnsi(details: JsonObject | undefined): JsonObject | undefined {
  if (!details || !('ansi' in details)) return filled(details);
  const { ansi: _, ...rest } = details;
  return filled(rest);
}

function filled(details: JsonObject | undefined): JsonObject | undefined {
  return details && Object.keys(details).length > 0 ? details : undefined;
}

function percent(progress: number): string {
  return `${Math.floor(progress * 1000) / 10} %`;
}

function inline(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'null');
}

/** What a person copies: the text without colours. */
export function plainText(event: OperationEvent): string {
  const { line, full } = textOf(event);
  return ansiSpans(full ?? line)
    .map(({ text }) => text)
    .join('');
}

export function isEvent(event: FollowedEvent): event is OperationEvent {
  return event.event_type !== 'history_trimmed' && event.event_type !== 'history_lost';
}
