import { boundedFetch } from './bounded-fetch.js';

export interface FetchFunctionLimits {
  readonly maxBytes: number;
  /** Milliseconds for one request, its body included. */
  readonly totalMs: number;
}

/**
 * `boundedFetch` with the signature of the global `fetch`, for libraries that accept a replacement. It resolves once
 * the whole body has arrived and returns redirects as they are.
 */
export function fetchFunction({ maxBytes, totalMs }: FetchFunctionLimits) {
  return async (
    url: string,
    init: {
      readonly method?: string;
      readonly headers?: ConstructorParameters<typeof Headers>[0];
      readonly signal?: AbortSignal | null;
    } = {},
  ): Promise<Response> => {
    const response = await boundedFetch({
      url,
      method: init.method ?? 'GET',
      headers: Object.fromEntries(new Headers(init.headers)),
      signal: init.signal ?? undefined,
      maxBytes,
      headMs: totalMs,
      totalMs,
      redirects: 'none',
    });
    const bytes = await response.bytes();
    const { status, statusText } = response;
    const empty = status === 204 || status === 205 || status === 304;
    const headers = new Headers();
    for (const [name, value] of Object.entries(response.headers)) {
      if (name === 'content-encoding' || name === 'content-length' || value === undefined) continue;
      for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
    }
    return new Response(empty ? null : new Uint8Array(bytes), { status, statusText, headers });
  };
}
