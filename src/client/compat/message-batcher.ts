import { silentLogger, type ClientLogger } from '../client-logger.js';
import { Emitter } from '../emitter.js';
import { randomId } from '../random-id.js';

export type FlushReason = 'batch_full' | 'batch_age' | 'timer' | 'force' | 'stop';

export interface MessageBatch<Message> {
  type: 'batch';
  /** UUID v4. */
  id: string;
  messages: Message[];
  count: number;
  /** ISO 8601. */
  timestamp: string;
}

export interface MessageBatcherOptions {
  /** Messages per batch; 10 by default, also for 0. */
  readonly batchSize?: number;
  /** Milliseconds between flushes by the timer; 1000 by default, also for 0. */
  readonly flushInterval?: number;
  /** Milliseconds since the last flush after which the next message is sent at once; 5000 by default, also for 0. */
  readonly maxBatchAge?: number;
  readonly logger?: ClientLogger;
}

/**
 * Collects messages into the batches of the agents protocol: emits `batch` with the batch and the reason. Its timer
 * keeps a Node program alive until `stop`.
 */
export class MessageBatcher<Message = unknown> extends Emitter<{
  batch: [MessageBatch<Message>, FlushReason];
}> {
  readonly #batchSize: number;
  readonly #maxBatchAge: number;
  readonly #logger: ClientLogger;
  #messages: Message[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  #startedAt = Date.now();

  constructor(options: MessageBatcherOptions = {}) {
    super();
    this.#batchSize = options.batchSize || 10;
    this.#maxBatchAge = options.maxBatchAge || 5000;
    this.#logger = options.logger ?? silentLogger;
    this.#timer = setInterval(() => this.#flush('timer'), options.flushInterval || 1000);
  }

  add(message: Message): void {
    this.#messages.push(message);
    if (this.#messages.length >= this.#batchSize) this.#flush('batch_full');
    // The age counts from the last flush, so a message after a long silence is sent at once.
    else if (Date.now() - this.#startedAt >= this.#maxBatchAge) this.#flush('batch_age');
  }

  forceFlush(): void {
    this.#flush('force');
  }

  /** Discards the collected messages. */
  clear(): void {
    this.#messages = [];
    this.#startedAt = Date.now();
    this.#logger.debug({ event: 'message_batch_cleared', timestamp: new Date().toISOString() });
  }

  /** Stops the timer and flushes the rest. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#flush('stop');
  }

  getCount(): number {
    return this.#messages.length;
  }

  #flush(reason: FlushReason): void {
    const messages = this.#messages;
    if (messages.length === 0) return;
    const timestamp = new Date().toISOString();
    this.#messages = [];
    this.#startedAt = Date.now();
    this.emit(
      'batch',
      { type: 'batch', id: randomId(), messages, count: messages.length, timestamp },
      reason,
    );
    this.#logger.debug({ event: 'message_batch_flushed', reason, count: messages.length, timestamp });
  }
}
