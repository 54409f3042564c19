import { OfferedRequest } from './websocket-offer.js';

/**
 * How long a request may take to arrive, in milliseconds, on every port: enough for the largest batch over a slow
 * line, too short to hold connections open by dripping bytes.
 */
export const REQUEST_TIMEOUT_MS = 120_000;

/** Options of every HTTP server of the service, for any address or port. */
export const SERVER_OPTIONS = {
  /** All headers, including those of an upgrade. */
  headersTimeout: 15_000,
  // Readers of a body enforce the time themselves (`readBody`): a streamed upload may last as long as its program.
  requestTimeout: 0,
  /** How often the timeouts are checked. */
  connectionsCheckingInterval: 5000,
  /** Detects clients that vanished during a long upload. */
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  // Node's own refusal of a request without Host is empty; ours gives the reason.
  requireHostHeader: false,
  IncomingMessage: OfferedRequest,
} as const;

/**
 * Connections the kernel queues until they are accepted (it may allow fewer). With Node's 511, thousands of clients
 * that reconnect at once find the queue full, and TCP makes them wait 1, 3, 7, 15 … seconds.
 */
export const LISTEN_BACKLOG = 4096;

/**
 * Maximum bytes of all headers. Browsers send a loopback service the cookies of every other program on that host name.
 */
export const MAX_HEADER_BYTES = { loopback: 64 * 1024, elsewhere: 16 * 1024 } as const;
