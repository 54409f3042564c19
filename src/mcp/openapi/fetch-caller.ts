import { UserError } from '../tools/user-error.js';
import { MAX_RESPONSE_BYTES, type EndpointCaller } from './endpoint-caller.js';

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

async function reach(url: string, init: RequestInit & { signal: AbortSignal }): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (thrown) {
    if (init.signal.aborted) throw thrown;
    // The reason of fetch is in its cause; the address may carry credentials, its origin does not.
    const cause = (thrown as Error).cause;
    const reason = cause instanceof Error && cause.message !== '' ? cause.message : (thrown as Error).message;
    throw new UserError(`${new URL(url).origin} cannot be reached: ${reason}`);
  }
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
