/**
 * How long a client may take with its request, in milliseconds, on every port: enough for the largest batch over a
 * slow line, too little to hold connections open by dripping bytes.
 */
export const SERVER_TIMEOUTS = {
  /** All headers, the upgrade's included. */
  headersTimeout: 15_000,
  /** Headers and body. */
  requestTimeout: 120_000,
  /** How often the two are looked at. */
  connectionsCheckingInterval: 5000,
} as const;
