import type { LoggerService } from '@nestjs/common';

/** A logger that keeps what it is given, for tests of what the service writes down. */
export class LogLines implements LoggerService {
  readonly lines: { readonly level: string; readonly message: unknown }[] = [];

  log = (message: unknown): void => this.add('info', message);
  warn = (message: unknown): void => this.add('warn', message);
  error = (message: unknown): void => this.add('error', message);
  debug = (message: unknown): void => this.add('debug', message);
  verbose = (): void => {};

  /** The entries of one event. */
  of(event: string): Record<string, unknown>[] {
    return this.lines
      .map(({ message }) => message)
      .filter(
        (message): message is Record<string, unknown> => (message as { event?: unknown }).event === event,
      );
  }

  get texts(): unknown[] {
    return this.lines.map(({ message }) => message).filter((message) => typeof message === 'string');
  }

  private add(level: string, message: unknown): void {
    this.lines.push({ level, message });
  }
}
