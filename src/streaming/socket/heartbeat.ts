import type { Connection } from './connection.js';

/**
 * Pings every connection at an interval and terminates those without a sign of life in time: by the next ping, unless
 * another timeout is given. A pong is one sign, taking bytes another: for a slow reader the ping waits behind
 * megabytes in the kernel's buffers.
 */
export class Heartbeat {
  private readonly timer: NodeJS.Timeout;
  /** Beats after which a silent connection is terminated. */
  private readonly patience: number;
  /** Beats since the unanswered ping. */
  private silent = new Map<Connection, number>();

  /**
   * @param onTimeout called for a dead peer before it is terminated
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
      const { life } = connection;
      if (life.shown || connection.deaf) {
        life.mark();
        if (connection.open) connection.ws.ping();
        continue;
      }
      const beats = (this.silent.get(connection) ?? 0) + 1;
      silent.set(connection, beats);
      // While bytes are pending, the client's system may delay its window update: it gets one more beat.
      if (beats >= this.patience + (connection.bufferedBytes > 0 ? 1 : 0)) void this.judge(connection);
    }
    this.silent = silent;
    if (this.timeoutMs < this.intervalMs) setTimeout(() => this.endSilent(), this.timeoutMs).unref();
  }

  private endSilent(): void {
    for (const connection of this.connections)
      if (!connection.life.shown && !connection.deaf && connection.bufferedBytes === 0)
        void this.judge(connection);
  }

  private async judge(connection: Connection): Promise<void> {
    if (await connection.life.look()) return;
    if (!this.connections.has(connection)) return;
    this.onTimeout(connection);
    connection.ws.terminate();
  }
}
