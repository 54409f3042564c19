import { Logger } from '@nestjs/common';
import type { Configuration } from '../../config/configuration.js';
import { redacted } from '../../platform/logging/redaction.js';
import type { Connection } from './connection.js';

/** Logs socket messages, at debug level only, and without secrets, whichever logger the application has. */
export class MessageLogger {
  private readonly logger: Logger;
  private readonly on: boolean;

  constructor(context: string, { logLevel }: Configuration) {
    this.logger = new Logger(context);
    this.on = logLevel === 'debug' || logLevel === 'trace';
  }

  incoming(connection: Connection, message: unknown): void {
    if (this.on) this.write('incoming', connection, message);
  }

  /** @param text the outgoing message; parsed only when it is logged */
  outgoing(connection: Connection, text: string): void {
    if (this.on) this.write('outgoing', connection, JSON.parse(text) as unknown);
  }

  private write(
    direction: 'incoming' | 'outgoing',
    { principal, clientId }: Connection,
    message: unknown,
  ): void {
    this.logger.debug({
      event: 'websocket_message',
      direction,
      user: principal.userId,
      client_id: clientId,
      message: redacted(message),
    });
  }
}
