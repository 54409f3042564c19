/** How times are shown: the same on every page, by the reader's choice. */
export const TIME_MODES = ['local', 'utc', 'elapsed', 'gap'] as const;
export type TimeMode = (typeof TIME_MODES)[number];

export const TIME_LABELS: Readonly<Record<TimeMode, string>> = {
  local: 'Local time',
  utc: 'UTC',
  elapsed: 'Since start',
  gap: 'Since line before',
};

const CLOCK: Intl.DateTimeFormatOptions = {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
};
const DATE: Intl.DateTimeFormatOptions = { year: 'numeric', month: 'short', day: '2-digit' };

const localClock = new Intl.DateTimeFormat('en-GB', CLOCK);
const utcClock = new Intl.DateTimeFormat('en-GB', { ...CLOCK, timeZone: 'UTC' });
const localDate = new Intl.DateTimeFormat('en-GB', { ...DATE, ...CLOCK, timeZoneName: 'short' });
const utcDate = new Intl.DateTimeFormat('en-GB', {
  ...DATE,
  ...CLOCK,
  timeZone: 'UTC',
  timeZoneName: 'short',
});
const shortDate = new Intl.DateTimeFormat('en-GB', { day: '2-digit', month: 'short' });

/**
 * The time of one event in a column.
 * @param timestamp Unix seconds
 * @param start of the operation
 * @param before the time of the event before, if it is known
 */
export function eventTime(
  mode: TimeMode,
  timestamp: number,
  start: number,
  before: number | undefined,
): string {
  switch (mode) {
    case 'local':
      return localClock.format(timestamp * 1000);
    case 'utc':
      return utcClock.format(timestamp * 1000);
    case 'elapsed':
      return `+${stopwatch(timestamp - start)}`;
    case 'gap':
      return before === undefined ? '' : `+${gap(timestamp - before)}`;
    default:
      return mode satisfies never;
  }
}

/** A full date with its zone, for tooltips and details. */
export function fullTime(timestamp: number, mode: TimeMode): string {
  return (mode === 'utc' ? utcDate : localDate).format(timestamp * 1000);
}

/** When something happened, in a list: the clock today, the date before. */
export function listTime(timestamp: number, mode: TimeMode, now: number): string {
  const clock = (mode === 'utc' ? utcClock : localClock).format(timestamp * 1000).slice(0, 8);
  const isToday =
    now - timestamp < 86_400 && new Date(now * 1000).getDate() === new Date(timestamp * 1000).getDate();
  return isToday ? clock : `${shortDate.format(timestamp * 1000)} ${clock.slice(0, 5)}`;
}

/** `00:03.120`, `1:02:03.120`. */
function stopwatch(seconds: number): string {
  const milliseconds = Math.max(0, Math.round(seconds * 1000));
  const [whole, rest] = [Math.floor(milliseconds / 1000), milliseconds % 1000];
  const hours = Math.floor(whole / 3600);
  const clock = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}.${String(rest).padStart(3, '0')}`;
  return hours > 0 ? `${hours}:${clock}` : clock;
}

function gap(seconds: number): string {
  const milliseconds = Math.max(0, Math.round(seconds * 1000));
  return milliseconds < 10_000 ? `${milliseconds} ms` : duration(milliseconds / 1000);
}

/** `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`, `3 d 4 h`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${(Math.floor(Math.max(0, seconds) * 10) / 10).toFixed(1)} s`;
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${two(Math.floor(whole / 60) % 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor(whole / 3600) % 24} h`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
