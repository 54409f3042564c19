import { OpstreamError, toOpstreamError } from '../platform/errors/opstream-error.js';
import type { StreamCommand, StreamStore, Written } from './stream-store.js';

interface Waiting {
  readonly command: StreamCommand;
  readonly bytes: number;
  readonly resolve: (written: Written) => void;
  readonly reject: (error: OpstreamError) => void;
}

/** Bytes of one transaction: larger ones gain little and hold the event loop longer. */
const MAX_BATCH_BYTES = 1024 * 1024;
/** Bytes that may wait for the store; beyond it writers are refused instead of memory growing. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** What a command costs beside its content. */
const COMMAND_BYTES = 512;

/** Group commit: the commands of one turn of the event loop share a transaction. */
export class WriteQueue {
  private waiting: Waiting[] = [];
  private waitingBytes = 0;
  private scheduled = false;
  private running: Promise<void> | undefined;
  private closed = false;

  /** @param onWritten told of what was recorded, in order, before its writers are answered; must not throw */
  constructor(
    private readonly store: StreamStore,
    private readonly onWritten: (written: readonly Written[]) => void,
  ) {}

  /** @throws OpstreamError the command's refusal, `overloaded`, `shutting_down`, or the store's failure */
  submit(command: StreamCommand): Promise<Written> {
    if (this.closed)
      return Promise.reject(new OpstreamError('shutting_down', 'The service is shutting down'));
    const bytes = bytesOf(command);
    // A command that ends a stream takes no room, so it is never refused for lack of it.
    const isFull = bytes > COMMAND_BYTES && this.waitingBytes + bytes > MAX_WAITING_BYTES;
    if (isFull && this.waitingBytes > 0)
      return Promise.reject(new OpstreamError('overloaded', 'Too many appends are waiting for the store'));
    return new Promise((resolve, reject) => {
      this.waiting.push({ command, bytes, resolve, reject });
      this.waitingBytes += bytes;
      this.schedule();
    });
  }

  /** Refuses further commands; resolves when those submitted before have been answered. */
  async close(): Promise<void> {
    this.closed = true;
    while (this.waiting.length > 0 || this.running) await (this.running ?? new Promise(setImmediate));
  }

  private schedule(): void {
    if (this.scheduled || this.running || this.waiting.length === 0) return;
    this.scheduled = true;
    // After the poll phase, everything that sockets delivered in this turn is in the batch.
    setImmediate(() => {
      this.scheduled = false;
      this.running = this.flush().finally(() => {
        this.running = undefined;
        this.schedule();
      });
    });
  }

  private async flush(): Promise<void> {
    const batch = this.takeBatch();
    try {
      const outcomes = await this.store.write(
        batch.map(({ command }) => command),
        Date.now(),
      );
      this.onWritten(outcomes.filter((outcome): outcome is Written => !(outcome instanceof OpstreamError)));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const outcome = outcomes[index]!;
        if (outcome instanceof OpstreamError) reject(outcome);
        else resolve(outcome);
      }
    } catch (thrown) {
      for (const { reject } of batch) reject(toOpstreamError(thrown));
    }
  }

  private takeBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const waiting of this.waiting) {
      if (count > 0 && bytes + waiting.bytes > MAX_BATCH_BYTES) break;
      bytes += waiting.bytes;
      count++;
    }
    this.waitingBytes -= bytes;
    return this.waiting.splice(0, count);
  }
}

function bytesOf(command: StreamCommand): number {
  const pieces = command.kind === 'remove' ? [] : command.pieces;
  return COMMAND_BYTES + pieces.reduce((sum, { data }) => sum + data.length, 0);
}
