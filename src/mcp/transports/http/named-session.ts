import type { IncomingHttpHeaders } from 'node:http';
import type { Principal } from '../../../auth/principal.js';
import type { RequestId } from '../../protocol/json-rpc.js';
import { RPC, RpcError } from '../../protocol/rpc-error.js';
import { ASSUMED_VERSION, isLegacyVersion } from '../../protocol/versions.js';
import type { McpSession } from '../../session/mcp-session.js';
import type { McpSessions } from '../../session/mcp-sessions.service.js';
import { RequestError } from './request-error.js';

/**
 * The session that a request's headers name.
 * @param id of the request, for its refusal
 * @throws RequestError without a session id or with a version that has no sessions (400), or with an id that is not
 * the caller's (404)
 */
export function namedSession(
  sessions: McpSessions,
  headers: IncomingHttpHeaders,
  principal: Principal,
  id: RequestId | null,
): McpSession {
  const refusal = (code: number, message: string, status: number): RequestError =>
    new RequestError(id, new RpcError(code, message, undefined, status));
  if (!isLegacyVersion(headers['mcp-protocol-version'] ?? ASSUMED_VERSION)) {
    throw refusal(RPC.serverError, 'Bad Request: Unsupported protocol version', 400);
  }
  const named = headers['mcp-session-id'];
  if (typeof named !== 'string' || named === '') {
    throw refusal(RPC.serverError, 'Bad Request: Mcp-Session-Id header is required', 400);
  }
  const session = sessions.find(named, principal);
  if (!session) throw refusal(RPC.sessionNotFound, 'Session not found', 404);
  return session;
}
