import type { LoggerService } from '@nestjs/common';
import { pino, type Logger as Pino } from 'pino';

/** Names whose values never reach a log (S4-71), at the top and two levels below. */
const SECRET_NAMES = [
  'password',
  'token',
  'apiKey',
  'secret',
  'authorization',
  'accessToken',
  'refreshToken',
  'key',
  'credential',
  'jwt',
  'ssn',
  'creditCard',
  'cardNumber',
];

/** One JSON line per entry on standard output. */
export function createPino(level: string): Pino {
  return pino({
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: SECRET_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      censor: '[REDACTED]',
    },
    serializers: { error: pino.stdSerializers.err },
  });
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
    if (message instanceof Error) this.pino[level]({ context, error: message }, message.message);
    else if (typeof message === 'object' && message !== null)
      this.pino[level]({ context, ...message }, first);
    else this.pino[level]({ context, ...(first !== undefined && { stack: first }) }, String(message));
  }
}
