import { OpstreamError, toOpstreamError } from '../platform/errors/opstream-error.js';
import type { NewMessage } from './session.js';
import type { Added, SessionStore } from './session-store.js';

interface Waiting {
  readonly message: NewMessage;
  readonly resolve: (added: Added) => void;
  readonly reject: (error: OpstreamError) => void;
}

/** Messages of one transaction. */
const MAX_BATCH = 256;
/** What may wait for the store, in characters. */
const MAX_WAITING = 64 * 1024 * 1024;
/** What a message costs beside its content. */
const MESSAGE_CHARACTERS = 512;

/** Group commit: what every caller adds in one turn of the event loop is one transaction, published before it is acknowledged. */
export class MessageQueue {
  private waiting: Waiting[] = [];
  private characters = 0;
  private running: Promise<void> | undefined;
  private closed = false;

  /** @param onAdded publishes what one transaction added, in order; must not throw */
  constructor(
    private readonly store: SessionStore,
    private readonly onAdded: (added: readonly Added[]) => void,
  ) {}

  /** @throws OpstreamError the message's refusal, `overloaded`, `shutting_down`, or the store's failure */
  add(message: NewMessage): Promise<Added> {
    if (this.closed) {
      return Promise.reject(new OpstreamError('shutting_down', 'The service records nothing any more'));
    }
    if (this.characters > MAX_WAITING) {
      return Promise.reject(new OpstreamError('overloaded', 'Too many messages are waiting for the store'));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ message, resolve, reject });
      this.characters += charactersOf(message);
      this.running ??= this.run();
    });
  }

  /** Refuses what comes from now on; resolves when everything that waited has been answered. */
  async close(): Promise<void> {
    this.closed = true;
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      await new Promise(setImmediate);
      await this.commit(this.waiting.splice(0, MAX_BATCH));
    }
    this.running = undefined;
  }

  private async commit(batch: readonly Waiting[]): Promise<void> {
    for (const { message } of batch) this.characters -= charactersOf(message);
    try {
      const outcomes = await this.store.add(
        batch.map(({ message }) => message),
        Date.now() / 1000,
      );
      this.onAdded(outcomes.filter((outcome): outcome is Added => !(outcome instanceof OpstreamError)));
      batch.forEach(({ resolve, reject }, index) => {
        const outcome = outcomes[index]!;
        if (outcome instanceof OpstreamError) reject(outcome);
        else resolve(outcome);
      });
    } catch (thrown) {
      const error = toOpstreamError(thrown);
      for (const { reject } of batch) reject(error);
    }
  }
}

function charactersOf({ content, metadata }: NewMessage): number {
  return content.length + (metadata?.length ?? 0) + MESSAGE_CHARACTERS;
}
