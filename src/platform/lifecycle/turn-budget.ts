/** Milliseconds that long work may take in one turn of the event loop, all of it together. */
const BUDGET_MS = 4;

/**
 * Shares the event loop between long work and everything else. Work that can take long is cut into steps of about a
 * millisecond or less, and asks for a turn before each of them. Turns are granted in the order in which they were asked
 * for, until the budget of this turn of the event loop is spent; the rest waits for the next one. However many loops
 * run at once, timers and sockets are served in between.
 */
export class TurnBudget {
  private waiting: (() => void)[] = [];
  private scheduled = false;

  /** @param budgetMs how long granted steps may take together before the event loop goes on */
  constructor(private readonly budgetMs = BUDGET_MS) {}

  /** Steps that wait for their turn. */
  get pending(): number {
    return this.waiting.length;
  }

  /**
   * Resolves in a later turn of the event loop, never in the one that asks. What the caller does up to its next real
   * wait counts against the budget.
   */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.grant(this.waiting.splice(0), 0, performance.now()));
  }

  /** Steps asked for from now on wait for the next turn: a loop gets one step a turn. */
  private grant(due: (() => void)[], from: number, began: number): void {
    const resume = due[from];
    if (resume !== undefined && (from === 0 || performance.now() - began < this.budgetMs)) {
      resume();
      // A tick asked for by a microtask runs once no microtask is left: the granted step has then done all that it can
      // do in this turn.
      queueMicrotask(() => process.nextTick(() => this.grant(due, from + 1, began)));
      return;
    }
    this.scheduled = false;
    if (resume !== undefined) this.waiting = [...due.slice(from), ...this.waiting];
    if (this.waiting.length > 0) this.schedule();
  }
}

/** The process has one event loop, and one budget. */
export const turnBudget = new TurnBudget();
