import { Injectable } from '@nestjs/common';
import type { WebSocket } from 'ws';

/** Counts over all sockets of the service, kept as plain numbers so that the hot path only adds; metrics read them. */
@Injectable()
export class SocketMetrics {
  /** Open now, of every protocol. */
  connections = 0;
  /** Messages from clients. */
  received = 0;
  /** Messages to clients other than events of subscriptions, which the delivery side counts. */
  sent = 0;
  /** Sockets that ended by an error of the network or of the protocol. */
  networkErrors = 0;
  /** Messages that could not be handled for a fault of ours. */
  serverErrors = 0;

  /** Counts one socket from now to its close. */
  watch(ws: WebSocket): void {
    this.connections += 1;
    ws.on('message', () => (this.received += 1));
    // A client's protocol error closes its socket with the right code; it is no failure of ours.
    ws.on('error', () => (this.networkErrors += 1));
    ws.once('close', () => (this.connections -= 1));
  }
}
