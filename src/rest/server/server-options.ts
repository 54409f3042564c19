import { OfferedRequest } from './websocket-offer.js';

/**
 * How long a client may take with its request, in milliseconds, on every port: enough for the largest batch over a
 * slow line, too little to hold connections open by dripping bytes.
 */
export const REQUEST_TIMEOUT_MS = 120_000;

/** Options of every HTTP server of the service, whichever address or port it is for. */
export const SERVER_OPTIONS = {
  /** All headers, the upgrade's included. */
  headersTimeout: 15_000,
  // Whoever reads a body watches its time (`readBody`): an upload of lines may last as long as its program.
  requestTimeout: 0,
  /** How often the times are looked at. */
  connectionsCheckingInterval: 5000,
  /** Finds out about clients that vanished during a long upload. */
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  // Node's own refusal of a request without Host is empty; ours says why.
  requireHostHeader: false,
  IncomingMessage: OfferedRequest,
} as const;

/**
 * Connections the kernel keeps until they are accepted (it may allow fewer). With Node's 511, thousands of clients that
 * return at once find the queue full, and TCP lets them wait for 1, 3, 7, 15 … seconds before they try again.
 */
export const LISTEN_BACKLOG = 4096;

/** Bytes of all headers. Browsers send a loopback service the cookies of every other program on that host name. */
export const MAX_HEADER_BYTES = { loopback: 64 * 1024, elsewhere: 16 * 1024 } as const;
