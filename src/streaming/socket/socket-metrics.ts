import { Injectable } from '@nestjs/common';
import type { WebSocket } from 'ws';

/**
 * Counters over all sockets of the service, kept as plain numbers so that the hot path only adds; metrics read them.
 */
@Injectable()
export class SocketMetrics {
  /** Currently open, all protocols. */
  connections = 0;
  /** Messages from clients. */
  received = 0;
  /** Messages to clients, except events of subscriptions, which the delivery side counts. */
  sent = 0;
  /** Sockets that ended with a network or protocol error. */
  networkErrors = 0;
  /** Messages that failed because of a bug of ours. */
  serverErrors = 0;

  /** Counts one socket from now until it closes. */
  watch(ws: WebSocket): void {
    this.connections += 1;
    ws.on('message', () => (this.received += 1));
    // A client's protocol error closes its socket with the right code; it is not a failure of ours.
    ws.on('error', () => (this.networkErrors += 1));
    ws.once('close', () => (this.connections -= 1));
  }
}
