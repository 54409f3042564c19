/** Counters of the delivery side, kept as plain numbers so that the hot path only adds; metrics read them. */
export class DeliveryMetrics {
  events = 0;
  bytes = 0;
  /** Events sent as WebSocket messages. */
  messages = 0;
  /** Subscriptions currently reading from the log because their socket fell behind. */
  lagging = 0;
  /** How often a live subscription fell behind. */
  lags = 0;

  delivered(format: { readonly transport: 'websocket' | 'sse' }, events: number, bytes: number): void {
    if (format.transport === 'websocket') this.messages += events;
    this.events += events;
    this.bytes += bytes;
  }
}
