import type { ServerResponse } from 'node:http';

/** What `@Res()` gives: Fastify's reply holds the response; Express's is the response. */
export type Reply = ServerResponse | { readonly raw: ServerResponse; hijack(): void };

/** From here on the response is the caller's, not the framework's. */
export function takeOver(reply: Reply): ServerResponse {
  if ('raw' in reply) reply.hijack();
  return responseOf(reply);
}

export function responseOf(reply: Reply): ServerResponse {
  return 'raw' in reply ? reply.raw : reply;
}
