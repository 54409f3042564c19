import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestMetrics } from '../../metrics/request.metrics.js';
import { RPC, RpcError } from '../../protocol/rpc-error.js';
import type { McpSession, SessionChannel } from '../../session/mcp-session.js';
import type { SessionStream } from '../../session/session-stream.js';
import { SseResponse } from '../../session/sse-response.js';

/**
 * Serves GET in a session: a new stream for what the server sends of its own accord, or, with `Last-Event-ID`, the
 * rest of the stream that broke.
 * @returns what keeps it alive
 * @throws RpcError (404) for an event id of no stream of this session
 */
export function openStandaloneStream(
  { headers }: IncomingMessage,
  response: ServerResponse,
  session: McpSession,
  metrics: RequestMetrics,
): { keepAlive(): void } {
  const lastEventId = headers['last-event-id'];
  let sse: SseResponse | undefined;
  const open = (): SseResponse => (sse = new SseResponse(response, metrics, ['Mcp-Session-Id', session.id]));
  if (typeof lastEventId === 'string' && lastEventId !== '') {
    const stream = session.streams.resume(lastEventId, open);
    if (!stream)
      throw new RpcError(RPC.serverError, 'There is no such stream in this session', undefined, 404);
    if (stream.standalone) attach(session, stream, response);
    else response.once('close', () => stream.release(sse));
  } else {
    const stream = session.streams.open(open());
    stream.standalone = true;
    attach(session, stream, response);
  }
  return { keepAlive: () => sse?.comment() };
}

/** The session's own messages go to this stream until its reader goes. */
function attach(session: McpSession, stream: SessionStream, response: ServerResponse): void {
  const channel: SessionChannel = {
    send: (message) => stream.send(message),
    close: () => stream.release(),
  };
  session.attach(channel);
  response.once('close', () => session.detach(channel));
}
