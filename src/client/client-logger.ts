/** One structured line: `event` says what happened, the rest depends on it. Never contains a token. */
export interface LogEntry {
  readonly event: string;
  /** ISO 8601. */
  readonly timestamp: string;
  readonly [detail: string]: unknown;
}

/** Where the compatibility clients log; pino and `console` both fit. */
export interface ClientLogger {
  debug(entry: LogEntry): void;
  info(entry: LogEntry): void;
  error(entry: LogEntry): void;
}

export const silentLogger: ClientLogger = { debug: () => {}, info: () => {}, error: () => {} };
