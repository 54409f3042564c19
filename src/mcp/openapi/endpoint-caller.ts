import type { Principal } from '../../auth/principal.js';
import type { EndpointRequest } from './endpoint-request.js';
import type { EndpointResponse } from './endpoint-result.js';

/** On whose behalf an endpoint is called, and until when. */
export interface EndpointCall {
  readonly principal: Principal;
  /** Headers that go out beside the request's own. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Bytes of one answer. */
export const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;

/**
 * Sends a request to the API that a document describes.
 * @throws UserError when the API cannot be reached or answers with too much; the signal's reason when it fires
 */
export type EndpointCaller = (request: EndpointRequest, call: EndpointCall) => Promise<EndpointResponse>;
