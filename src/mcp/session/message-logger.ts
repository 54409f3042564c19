import { Injectable, Logger } from '@nestjs/common';
import { Configuration } from '../../config/configuration.js';
import { redacted } from '../../platform/logging/redaction.js';
import { readMessage } from '../protocol/json-rpc.js';

/** Characters of a message logged at the most detailed level. */
const MAX_LOGGED = 2000;

/** Logs the messages of WebSockets and peers: `debug` logs that a message passed, the level below also its content. */
@Injectable()
export class McpMessageLogger {
  private readonly logger = new Logger('McpMessages');
  private readonly enabled: boolean;

  constructor({ logLevel }: Configuration) {
    this.enabled = logLevel === 'debug' || logLevel === 'trace';
  }

  /** @param other the sender or recipient, e.g. `client 7` */
  message(direction: 'received' | 'sent', other: string, text: string): void {
    if (!this.enabled) return;
    const value = parsed(text);
    const message = readMessage(value);
    const { kind } = message;
    const method = 'method' in message ? message.method : undefined;
    const id = 'id' in message ? message.id : undefined;
    this.logger.debug({ event: `message_${direction}`, other, kind, method, id, bytes: text.length });
    // Text that is not JSON cannot be searched for secrets.
    const shown = value === undefined ? undefined : JSON.stringify(redacted(value)).slice(0, MAX_LOGGED);
    this.logger.verbose({ event: `message_${direction}`, other, message: shown });
  }

  connection(event: 'opened' | 'closed', other: string, user: string): void {
    if (this.enabled) this.logger.debug({ event: `connection_${event}`, other, user });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
