import { OpstreamError, toOpstreamError } from '../platform/errors/opstream-error.js';
import type { OperationStore, Recorded, StoreCommand } from './operation-store.js';

interface Waiting {
  readonly command: StoreCommand;
  readonly size: number;
  readonly resolve: (recorded: Recorded) => void;
  readonly reject: (error: OpstreamError) => void;
}

/** Characters per transaction: larger ones gain little and block the event loop longer. */
const MAX_BATCH = 1024 * 1024;
/** Characters that may wait for the store; beyond it producers are refused, so that memory stays bounded. */
const MAX_WAITING = 64 * 1024 * 1024;
/** Cost of a row besides its text, in characters, so that many small events count as well as a few large ones. */
const ROW_SIZE = 512;
/** Cost of creating an operation: two rows and its metadata, which is serialized only when it is written. */
const OPEN_SIZE = 8 * 1024;

/**
 * Group commit: all commands of one turn of the event loop share a transaction, and while an asynchronous store is
 * busy the next batch accumulates. Outcomes are published before they are acknowledged, in log order.
 */
export class AppendQueue {
  private waiting: Waiting[] = [];
  private waitingSize = 0;
  private scheduled = false;
  private busy = false;
  private closed = false;
  private idle: (() => void)[] = [];

  /** @param onRecorded publishes what one batch added to the log; must not throw */
  constructor(
    private readonly store: OperationStore,
    private readonly onRecorded: (outcomes: readonly Recorded[]) => void,
  ) {}

  /** @throws OpstreamError the command's refusal, `overloaded`, `shutting_down`, or the store's failure */
  submit(command: StoreCommand): Promise<Recorded> {
    if (this.closed) {
      return Promise.reject(new OpstreamError('shutting_down', 'The service records nothing any more'));
    }
    const size = sizeOf(command);
    if (this.waitingSize > 0 && this.waitingSize + size > MAX_WAITING) {
      return Promise.reject(new OpstreamError('overloaded', 'Too many appends are waiting for the store'));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ command, size, resolve, reject });
      this.waitingSize += size;
      this.schedule();
    });
  }

  /** Refuses new commands; resolves when all earlier ones are answered. */
  close(): Promise<void> {
    this.closed = true;
    if (this.waiting.length === 0 && !this.busy) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  private schedule(): void {
    if (this.scheduled || this.busy) return;
    this.scheduled = true;
    // setImmediate runs after the poll phase: everything delivered by sockets in this turn is in the batch.
    setImmediate(() => {
      this.scheduled = false;
      void this.flush();
    });
  }

  private async flush(): Promise<void> {
    const batch = this.takeBatch();
    this.busy = true;
    try {
      const outcomes = await this.store.append(batch.map(({ command }) => command));
      this.onRecorded(outcomes.filter((outcome): outcome is Recorded => !(outcome instanceof OpstreamError)));
      batch.forEach(({ resolve, reject }, index) => {
        const outcome = outcomes[index]!;
        if (outcome instanceof OpstreamError) reject(outcome);
        else resolve(outcome);
      });
    } catch (thrown) {
      const error = toOpstreamError(thrown);
      for (const { reject } of batch) reject(error);
    } finally {
      this.busy = false;
      if (this.waiting.length > 0) this.schedule();
      else for (const resolve of this.idle.splice(0)) resolve();
    }
  }

  /** The oldest commands up to the size of a transaction; a single larger one is its own batch. */
  private takeBatch(): Waiting[] {
    let size = 0;
    let count = 0;
    for (const waiting of this.waiting) {
      if (count > 0 && size + waiting.size > MAX_BATCH) break;
      size += waiting.size;
      count++;
    }
    const batch = count < this.waiting.length ? this.waiting.splice(0, count) : this.waiting;
    if (batch === this.waiting) this.waiting = [];
    this.waitingSize -= size;
    return batch;
  }
}

function sizeOf(command: StoreCommand): number {
  if (command.kind === 'open') return OPEN_SIZE;
  let size = 0;
  for (const { data } of command.drafts) size += ROW_SIZE + data.length;
  return size;
}
