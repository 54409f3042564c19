import type { Connection } from './connection.js';

/**
 * Pings every connection at an interval and ends those that have not answered in time (S4-19), which is by the next
 * ping unless another timeout is given.
 */
export class Heartbeat {
  private readonly timer: NodeJS.Timeout;
  /** Beats that a silent connection has until its end. */
  private readonly patience: number;
  /** Beats since the unanswered ping. */
  private silent = new Map<Connection, number>();

  /**
   * @param onTimeout told of a dead peer before it is terminated
   * @param timeoutMs milliseconds; above the interval it counts in whole intervals
   */
  constructor(
    private readonly connections: ReadonlySet<Connection>,
    private readonly intervalMs: number,
    private readonly onTimeout: (connection: Connection) => void,
    private readonly timeoutMs = intervalMs,
  ) {
    this.patience = Math.ceil(timeoutMs / intervalMs);
    this.timer = setInterval(() => this.beat(), intervalMs).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private beat(): void {
    const silent = new Map<Connection, number>();
    for (const connection of this.connections) {
      if (connection.alive) {
        connection.alive = false;
        if (connection.open) connection.ws.ping();
        continue;
      }
      const beats = (this.silent.get(connection) ?? 0) + 1;
      if (beats >= this.patience) this.end(connection);
      else silent.set(connection, beats);
    }
    this.silent = silent;
    if (this.timeoutMs < this.intervalMs) setTimeout(() => this.endSilent(), this.timeoutMs).unref();
  }

  private endSilent(): void {
    for (const connection of this.connections) if (!connection.alive) this.end(connection);
  }

  private end(connection: Connection): void {
    this.onTimeout(connection);
    connection.ws.terminate();
  }
}
