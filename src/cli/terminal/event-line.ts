import type { EventData, EventType, FollowedEvent, JsonValue } from '../../client/index.js';
import { printable, printableLine } from './printable.js';
import type { Style } from './style.js';

/** Characters of a result that are shown; `--json` has all of it. */
const MAX_RESULT = 2000;

/** Formats an event as one line: time and what happened. */
export function eventLine(event: FollowedEvent, style: Style): string {
  if (event.event_type === 'history_trimmed') {
    const first =
      event.data.first_seq === undefined ? '' : `; the log begins with event ${event.data.first_seq}`;
    return style('yellow', `--:--:--  earlier events are no longer kept${first}`);
  }
  if (event.event_type === 'history_lost')
    return style('yellow', '--:--:--  the service has another log: events were lost, or come again');
  const describe = DESCRIBE[event.event_type] as (data: unknown, style: Style) => string;
  return `${style('dim', clock(event.timestamp))}  ${describe(event.data, style)}`;
}

const DESCRIBE: { [Type in EventType]: (data: EventData[Type], style: Style) => string } = {
  progress: ({ progress, message }, style) =>
    `${style('cyan', percent(progress))} ${printableLine(message)}`.trimEnd(),
  status: ({ status, message, operation_type: type }, style) =>
    `${style('bold', printableLine(status))} ${printableLine(beyond(status, message ?? type ?? ''))}`.trimEnd(),
  log: ({ level, message }, style) => logText(level, message, style),
  result: ({ result }) => `result ${shorten(result)}`,
  completed: ({ duration }, style) => style('green', `✓ completed in ${duration.toFixed(2)}s`),
  error: ({ error, error_type: type }, style) =>
    style('red', `✗ ${printableLine(type)}: ${printableLine(error)}`),
  cancelled: ({ reason }, style) =>
    style('yellow', reason ? `■ cancelled: ${printableLine(reason)}` : '■ cancelled'),
};

/** The part of a message after the status it may begin with. */
function beyond(status: string, message: string): string {
  return `${message} `.startsWith(`${status} `) ? message.slice(status.length + 1) : message;
}

/** `50%`, right-aligned so that columns line up. */
export function percent(progress: number): string {
  return `${Math.floor(progress * 100)}%`.padStart(4);
}

/** Local time of day, with the date unless it is today. @param timestamp Unix seconds */
function clock(timestamp: number): string {
  const time = new Date(timestamp * 1000);
  const ofDay = time.toTimeString().slice(0, 8);
  if (time.toDateString() === new Date().toDateString()) return ofDay;
  return `${time.getFullYear()}-${twoDigits(time.getMonth() + 1)}-${twoDigits(time.getDate())} ${ofDay}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

function logText(level: string, message: string, style: Style): string {
  const text = printable(message).replaceAll('\n', '\n          ');
  if (level === 'info' || level === 'debug') return level === 'debug' ? style('dim', text) : text;
  return `${style(level === 'error' ? 'red' : 'yellow', printableLine(level))} ${text}`;
}

function shorten(value: JsonValue): string {
  const text = printableLine(JSON.stringify(value));
  if (text.length <= MAX_RESULT) return text;
  return `${text.slice(0, MAX_RESULT)}… (${text.length} characters)`;
}
