import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestMetrics } from '../../metrics/request.metrics.js';
import { RPC, RpcError } from '../../protocol/rpc-error.js';
import type { McpSession, SessionChannel } from '../../session/mcp-session.js';
import type { SessionStream } from '../../session/session-stream.js';
import { SseResponse } from '../../session/sse-response.js';
import { keepAlive } from './waiting-response.js';

/**
 * Serves GET in a session: a new stream for server-initiated messages or, with `Last-Event-ID`, the rest of a broken
 * stream. A finished stream is answered with 204, which tells clients not to reconnect.
 * @throws RpcError (400) for an event that this session never sent, or whose answer is no longer kept. Not 404: with a
 *   session id, that means that the session has ended.
 */
export function serveGet(
  { headers }: IncomingMessage,
  response: ServerResponse,
  session: McpSession,
  metrics: RequestMetrics,
  heartbeatMs: number,
): void {
  const open = (): SseResponse => {
    const sse = new SseResponse(response, metrics, ['Mcp-Session-Id', session.id]);
    keepAlive(response, { keepAlive: () => sse.comment() }, heartbeatMs);
    return sse;
  };
  const lastEventId = headers['last-event-id'];
  if (typeof lastEventId !== 'string' || lastEventId === '') {
    const stream = session.streams.open(open());
    stream.standalone = true;
    return attach(session, stream, response);
  }
  const found = session.streams.find(lastEventId);
  switch (found.rest) {
    case 'over':
      response.writeHead(204).end();
      return;
    case 'unknown':
      throw refusal('Last-Event-ID is not an event of this session');
    case 'lost':
      throw refusal('The answer of this stream is no longer kept: send the request again');
    case 'left': {
      const sse = open();
      found.stream.resume(sse, found.number);
      if (found.stream.standalone) attach(session, found.stream, response);
      else response.once('close', () => found.stream.release(sse));
    }
  }
}

/** The session's own messages go to this stream until its reader disconnects. */
function attach(session: McpSession, stream: SessionStream, response: ServerResponse): void {
  const channel: SessionChannel = {
    exclusive: false,
    carriesRequests: true,
    send: (message) => stream.send(message),
    close: () => stream.release(),
  };
  response.once('close', () => session.detach(channel));
  session.attach(channel);
}

function refusal(message: string): RpcError {
  return new RpcError(RPC.serverError, message, undefined, 400);
}
