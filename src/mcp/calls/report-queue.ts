import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Responder } from '../session/responder.js';
import type { CallerNotifications } from './caller-notifications.js';

/** Milliseconds that a tool may keep reporting before the event loop gets a turn. */
const SLICE_MS = 0.5;
/** Maximum pending reports of a tool that awaits them. */
const MAX_ON_THEIR_WAY = 256;

/**
 * The pending reports of one tool call. The caller is notified of each once it is recorded, in order. A tool that
 * awaits its reports does not wait for each commit: reports of one time slice share a transaction and a write to the
 * caller. A report after a pause is awaited, so that it leaves immediately.
 */
export class ReportQueue {
  /** Resolves when every report so far is recorded and sent. */
  allTold: Promise<void> = Promise.resolve();
  private onTheirWay = 0;
  private sliceBegan = -Infinity;

  constructor(
    private readonly notifications: CallerNotifications,
    private readonly responder: Responder,
  ) {}

  /**
   * @param recorded resolves, and never rejects, when the report is in the log or could not be recorded
   * @param messages sent to the caller then
   */
  add(recorded: Promise<void>, messages: readonly string[]): void {
    this.onTheirWay += 1;
    this.allTold = this.tell(recorded, this.allTold, messages);
  }

  /**
   * Where the tool waits: for the log, for the event loop, so that messages leave the process, and for a caller that
   * reads slowly.
   */
  async pace(): Promise<void> {
    if (this.onTheirWay < MAX_ON_THEIR_WAY && performance.now() - this.sliceBegan < SLICE_MS) return;
    await this.allTold;
    await (this.responder.drained() ?? nextTurn());
    this.sliceBegan = performance.now();
  }

  private async tell(
    recorded: Promise<void>,
    before: Promise<void>,
    messages: readonly string[],
  ): Promise<void> {
    await recorded;
    await before;
    this.onTheirWay -= 1;
    for (const message of messages) this.notifications.send?.(message);
  }
}
