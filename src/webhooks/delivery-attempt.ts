import { boundedFetch } from '../platform/http/bounded-fetch.js';
import type { BoundedResponse } from '../platform/http/bounded-response.js';
import { FetchError } from '../platform/http/fetch-error.js';
import { signedHeaders } from './signature.js';
import type { Attempt, Delivery, Webhook } from './webhook.js';
import { parseRetryAfter } from './retry-schedule.js';

/** Milliseconds that a receiver has for its response. */
const TIMEOUT_MS = 15_000;
/** Bytes of a response that are kept. */
const KEPT_BYTES = 1024;

export interface Attempted {
  readonly attempt: Attempt;
  /** Seconds that the receiver asked for. */
  readonly retryAfter: number | undefined;
}

/**
 * One request to a webhook's address. A redirect is not followed, and counts as a failure.
 * @param addresses `public` refuses an address outside the public Internet, the one actually connected to
 */
export async function attemptDelivery(
  webhook: Webhook,
  delivery: Delivery,
  addresses: 'any' | 'public',
  signal: AbortSignal,
): Promise<Attempted> {
  const at = Date.now() / 1000;
  const began = performance.now();
  const done = (outcome: Pick<Attempt, 'status' | 'response' | 'error'>): Attempt => ({
    at,
    duration: Math.round(performance.now() - began),
    ...outcome,
  });
  try {
    const response = await boundedFetch({
      url: webhook.url,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Opstream-Webhooks',
        ...signedHeaders(webhook.secret, delivery.id, Math.floor(at), delivery.body),
      },
      body: delivery.body,
      maxBytes: 1024 * 1024,
      headMs: TIMEOUT_MS,
      totalMs: TIMEOUT_MS,
      redirects: 'none',
      addresses,
      signal,
    });
    const retryAfter = parseRetryAfter(response.headers['retry-after'], at);
    const text = await beginningOf(response);
    return { attempt: done({ status: response.status, response: text, error: null }), retryAfter };
  } catch (thrown) {
    const error = thrown instanceof FetchError ? thrown.message : 'the request failed';
    return { attempt: done({ status: null, response: '', error }), retryAfter: undefined };
  }
}

/** The status has decided; a body that breaks or never ends changes nothing. */
async function beginningOf(response: BoundedResponse): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response.chunks()) {
      chunks.push(chunk);
      if ((size += chunk.length) >= KEPT_BYTES) break;
    }
  } catch {
    // What arrived is kept.
  }
  return Buffer.concat(chunks).subarray(0, KEPT_BYTES).toString('utf8');
}
