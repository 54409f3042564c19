import type { LoggerService } from '@nestjs/common';
import { pino, type Logger as Pino } from 'pino';
import type { LogOutput } from './log-output.js';
import { redacted, withoutSecrets } from './redaction.js';

/** One JSON line per entry; `PinoLogger` redacts secrets. */
export function createPino(level: string, output: LogOutput): Pino {
  const options = {
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: withoutSecretsIn },
  };
  return pino(options, output);
}

/** An error message may quote client input. */
function withoutSecretsIn(error: Error): object {
  const shown: unknown = pino.stdSerializers.err(error);
  if (typeof shown !== 'object' || shown === null) return {};
  return redacted({ ...shown }) as object;
}

type Level = 'info' | 'warn' | 'error' | 'fatal' | 'debug' | 'trace';

/** Nest's logger on pino: `logger.log('text')` or `logger.log({ event: 'name', … }, 'text')`. */
export class PinoLogger implements LoggerService {
  constructor(private readonly pino: Pino) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write('info', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  /** Nest appends the context as the last argument, and before it a stack for errors. */
  private write(level: Level, message: unknown, rest: unknown[]): void {
    if (!this.pino.isLevelEnabled(level)) return;
    const texts = rest.filter((item): item is string => typeof item === 'string');
    const context = texts.at(-1);
    const first = texts.length > 1 ? texts[0] : undefined;
    if (message instanceof Error)
      this.pino[level]({ context, error: message }, withoutSecrets(message.message));
    else if (typeof message === 'object' && message !== null)
      this.pino[level]({ context, ...(redacted(message) as object) }, first);
    else
      this.pino[level](
        { context, ...(first !== undefined && { stack: first }) },
        withoutSecrets(String(message)),
      );
  }
}
