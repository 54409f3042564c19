import type { Connection } from './connection.js';

/** Pings every connection at an interval and ends those that did not answer the ping before (S4-19). */
export class Heartbeat {
  private readonly timer: NodeJS.Timeout;

  /** @param onTimeout told of a dead peer before it is terminated */
  constructor(
    private readonly connections: ReadonlySet<Connection>,
    intervalMs: number,
    private readonly onTimeout: (connection: Connection) => void,
  ) {
    this.timer = setInterval(() => this.beat(), intervalMs).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private beat(): void {
    for (const connection of this.connections) {
      if (connection.alive) {
        connection.alive = false;
        if (connection.open) connection.ws.ping();
      } else {
        this.onTimeout(connection);
        connection.ws.terminate();
      }
    }
  }
}
