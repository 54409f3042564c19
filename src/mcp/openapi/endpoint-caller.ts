import type { Principal } from '../../auth/principal.js';
import type { EndpointRequest } from './endpoint-request.js';
import type { EndpointResponse } from './endpoint-result.js';

/** The caller an endpoint is called for, and the deadline. */
export interface EndpointCall {
  readonly principal: Principal;
  /** Headers sent in addition to the request's own. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Bytes of one response. */
export const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;

/**
 * Sends a request to the API that a document describes.
 * @throws UserError when the API is unreachable or its response too large; the signal's reason when it fires
 */
export type EndpointCaller = (request: EndpointRequest, call: EndpointCall) => Promise<EndpointResponse>;
