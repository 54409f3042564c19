/** Severities of log lines, in ascending order. */
export const LEVELS = ['debug', 'info', 'warning', 'error'] as const;
export type Level = (typeof LEVELS)[number];

/** The names that other loggers use. */
const ALIASES: Readonly<Record<string, Level>> = {
  trace: 'debug',
  verbose: 'debug',
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warn: 'warning',
  warning: 'warning',
  error: 'error',
  err: 'error',
  critical: 'error',
  fatal: 'error',
  alert: 'error',
  emergency: 'error',
};

/** An unknown name counts as `info`, as it does in the service. */
export function levelOf(name: string | undefined): Level {
  return ALIASES[(name ?? '').toLowerCase()] ?? 'info';
}

export function isAtLeast(level: Level, least: Level): boolean {
  return LEVELS.indexOf(level) >= LEVELS.indexOf(least);
}
