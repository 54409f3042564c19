import { OpstreamError, toOpstreamError } from '../platform/errors/opstream-error.js';
import type { OperationStore, Recorded, StoreCommand } from './operation-store.js';

interface Waiting {
  readonly command: StoreCommand;
  readonly resolve: (recorded: Recorded) => void;
  readonly reject: (error: OpstreamError) => void;
}

/** Commands of one transaction: larger batches gain little and hold the event loop longer. */
const MAX_BATCH = 1024;
/** Commands that may wait for the store; beyond it producers are refused instead of memory growing. */
const MAX_WAITING = 100_000;

/**
 * Group commit: all commands of one turn of the event loop share a transaction, and while an asynchronous store is
 * busy the next batch gathers. Outcomes are published before they are acknowledged, in log order.
 */
export class AppendQueue {
  private waiting: Waiting[] = [];
  private scheduled = false;
  private busy = false;
  private idle: (() => void)[] = [];

  /** @param onRecorded publishes what one batch added to the log; must not throw */
  constructor(
    private readonly store: OperationStore,
    private readonly onRecorded: (outcomes: readonly Recorded[]) => void,
  ) {}

  /** @throws OpstreamError the command's refusal, `overloaded`, or the store's failure */
  submit(command: StoreCommand): Promise<Recorded> {
    if (this.waiting.length >= MAX_WAITING) {
      return Promise.reject(new OpstreamError('overloaded', 'Too many appends are waiting for the store'));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ command, resolve, reject });
      this.schedule();
    });
  }

  /** Resolves when everything submitted so far has been answered. */
  drained(): Promise<void> {
    if (this.waiting.length === 0 && !this.busy) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  private schedule(): void {
    if (this.scheduled || this.busy) return;
    this.scheduled = true;
    // setImmediate runs after the poll phase: everything that every socket delivered in this turn is in the batch.
    setImmediate(() => {
      this.scheduled = false;
      void this.flush();
    });
  }

  private async flush(): Promise<void> {
    const batch = this.waiting.length > MAX_BATCH ? this.waiting.splice(0, MAX_BATCH) : this.waiting;
    if (batch === this.waiting) this.waiting = [];
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
}
