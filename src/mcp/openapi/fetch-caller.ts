import { UserError } from '../tools/user-error.js';
import { MAX_RESPONSE_BYTES, type EndpointCaller } from './endpoint-caller.js';

const REDIRECTS = [301, 302, 303, 307, 308];
const MAX_REDIRECTS = 5;

/** Calls an API over HTTP. @param base its address; the paths of the document are put behind it */
export function fetchCaller(base: string): EndpointCaller {
  const prefix = base.replace(/\/+$/, '');
  return async ({ method, target, headers, body }, call) => {
    const response = await reach(prefix + target, {
      method,
      headers: { ...headers, ...call.headers },
      signal: call.signal,
      ...(body !== undefined && { body }),
    });
    return {
      status: response.status,
      contentType: response.headers.get('content-type') ?? '',
      body: await readBounded(response, MAX_RESPONSE_BYTES),
    };
  };
}

/** Follows redirects within the API. One that leads elsewhere would take the call's credentials along. */
async function reach(url: string, init: RequestInit & { signal: AbortSignal }): Promise<Response> {
  const { origin } = new URL(url);
  let [at, request] = [url, init];
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await send(at, request);
    const location = response.headers.get('location');
    if (!REDIRECTS.includes(response.status) || location === null) return response;
    await response.body?.cancel();
    const next = URL.canParse(location, at) ? new URL(location, at) : undefined;
    if (next?.origin !== origin) {
      const where = next?.origin ?? 'nowhere';
      throw new UserError(
        `${origin} redirects to ${where}, which is not followed; base_url says where the API is`,
      );
    }
    at = next.href;
    const asGet = response.status === 303 || (response.status <= 302 && request.method === 'POST');
    if (asGet) request = { ...request, method: 'GET', body: null };
  }
  throw new UserError(`${origin} redirects more than ${MAX_REDIRECTS} times`);
}

async function send(url: string, init: RequestInit & { signal: AbortSignal }): Promise<Response> {
  try {
    return await fetch(url, { ...init, redirect: 'manual' });
  } catch (thrown) {
    if (init.signal.aborted) throw thrown;
    // The address may carry credentials, its origin does not.
    throw new UserError(`${new URL(url).origin} cannot be reached: ${reasonOf(thrown)}`);
  }
}

/** Why a request failed: `fetch` itself only says that it did, and keeps the reason in the cause. */
export function reasonOf(thrown: unknown): string {
  const { cause, message } = thrown as Error;
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
}

/** @throws UserError when there is more */
export async function readBounded(response: Response, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new UserError(`The answer has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
