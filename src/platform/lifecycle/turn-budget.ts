/** Milliseconds that all long-running work together may take per turn of the event loop. */
const BUDGET_MS = 4;

/**
 * Shares the event loop between long-running work and everything else. Such work is split into steps of about a
 * millisecond and requests a turn before each. Turns are granted in order until the budget of the current turn is
 * spent; the rest waits for the next one. Timers and sockets are served in between, however many loops run.
 */
export class TurnBudget {
  private waiting: (() => void)[] = [];
  private scheduled = false;

  /** @param budgetMs how long granted steps may take together before the event loop continues */
  constructor(private readonly budgetMs = BUDGET_MS) {}

  /** Steps waiting for a turn. */
  get pending(): number {
    return this.waiting.length;
  }

  /**
   * Resolves in a later turn of the event loop, never in the current one. What the caller does until its next real
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

  /** Steps requested from now on wait for the next turn: a loop gets one step per turn. */
  private grant(due: (() => void)[], from: number, began: number): void {
    const resume = due[from];
    if (resume !== undefined && (from === 0 || performance.now() - began < this.budgetMs)) {
      resume();
      // A tick scheduled by a microtask runs after all microtasks: by then the granted step has done everything it can
      // in this turn.
      queueMicrotask(() => process.nextTick(() => this.grant(due, from + 1, began)));
      return;
    }
    this.scheduled = false;
    if (resume !== undefined) this.waiting = [...due.slice(from), ...this.waiting];
    if (this.waiting.length > 0) this.schedule();
  }
}

/** The process has one event loop and therefore one budget. */
export const turnBudget = new TurnBudget();
