import { turnBudget } from '../../platform/lifecycle/turn-budget.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { OperationKey } from '../operation-key.js';
import type { SqliteLogWriter } from './sqlite-log-writer.js';
import type { Statements } from './sqlite-statements.js';
import type { SqliteTransactions } from './sqlite-transactions.js';

/** Rows of removed operations deleted at a time; takes about a millisecond. */
const PURGE_STEP = 500;

/**
 * Does the follow-up work of appends and removals in small steps, each a transaction and a turn of the budget: removes
 * operations above a lowered limit, trims long logs, deletes events of removed operations.
 */
export class SqliteMaintenance {
  private running = false;
  private stopped = false;

  /** @param onRemoved called with what a step removed; must not throw */
  constructor(
    private readonly sql: Statements,
    private readonly writer: SqliteLogWriter,
    private readonly transactions: SqliteTransactions,
    private readonly onRemoved: (removed: readonly OperationKey[]) => void,
  ) {}

  /** Starts unless already running. A step that fails (on a full disk) is retried after the next removal. */
  start(): void {
    if (this.running || this.stopped) return;
    this.running = true;
    this.work()
      .catch((thrown: unknown) => {
        if (!(thrown instanceof OpstreamError)) throw thrown;
      })
      .finally(() => (this.running = false));
  }

  stop(): void {
    this.stopped = true;
  }

  private async work(): Promise<void> {
    do await turnBudget.turn();
    while (!this.stopped && this.step());
  }

  /** @returns whether there may be more to do */
  private step(): boolean {
    const { trims, crowded } = this.writer.leftovers;
    for (const [key, { tenant, pool }] of crowded) {
      if (!this.run(() => this.writer.thinOut(tenant, pool))) crowded.delete(key);
      return true;
    }
    for (const [key, operation] of trims) {
      if (!this.run(() => this.writer.trimFurther(operation))) trims.delete(key);
      return true;
    }
    return this.purge();
  }

  private purge(): boolean {
    const orphan = this.sql.orphan.get();
    if (!orphan) return false;
    this.run(() => {
      let left = PURGE_STEP;
      for (let next: { op: number } | undefined = orphan; next && left > 0; next = this.sql.orphan.get()) {
        const events = this.sql.deleteOrphanedEvents.run(next.op, left).changes;
        const ids = this.sql.deleteOrphanedIds.run(next.op, next.op, left).changes;
        if (events < left && ids < left) this.sql.adopt.run(next.op);
        left -= Math.max(events + ids, 1);
      }
    });
    return true;
  }

  private run<T>(work: () => T): T {
    const { result, removed } = this.transactions.runMakingRoom(work);
    this.onRemoved(removed);
    return result;
  }
}
