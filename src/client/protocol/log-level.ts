/** The four levels of log events, least severe first. */
export const LEVELS = ['debug', 'info', 'warning', 'error'] as const;
export type Level = (typeof LEVELS)[number];

/** How many log events of each level an operation has recorded, trimmed ones included. */
export type LogCounts = Record<Level, number>;

export const NO_LOGS: Readonly<LogCounts> = { debug: 0, info: 0, warning: 0, error: 0 };

/** Names that other loggers use. */
const LEVEL_OF: ReadonlyMap<string, Level> = new Map([
  ['trace', 'debug'],
  ['verbose', 'debug'],
  ['debug', 'debug'],
  ['warn', 'warning'],
  ['warning', 'warning'],
  ['error', 'error'],
  ['err', 'error'],
  ['critical', 'error'],
  ['crit', 'error'],
  ['fatal', 'error'],
  ['alert', 'error'],
  ['emergency', 'error'],
  ['emerg', 'error'],
  ['panic', 'error'],
]);

/** The level that a producer's free text means, in any case of letters; an unknown one counts as `info`. */
export function levelOf(name: unknown): Level {
  if (typeof name !== 'string') return 'info';
  return LEVEL_OF.get(name) ?? LEVEL_OF.get(name.toLowerCase()) ?? 'info';
}
