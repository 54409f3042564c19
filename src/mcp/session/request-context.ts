import type { IncomingHttpHeaders } from 'node:http';
import type { Principal } from '../../auth/principal.js';
import type { Cancellation } from '../protocol/cancellation.js';
import type { McpSession } from './mcp-session.js';
import type { Params, RequestId } from '../protocol/json-rpc.js';
import type { Responder } from './responder.js';
import type { InFlight } from '../protocol/in-flight.js';
import type { Era, Revision } from '../protocol/versions.js';

/** What a transport knows about a message before it is parsed. */
export interface MessageContext {
  readonly principal: Principal;
  /** Of the client, for the audit log; empty for a peer that we dialled. */
  readonly address: string;
  /** Of the HTTP request or WebSocket upgrade; empty if there was none. */
  readonly headers: IncomingHttpHeaders;
  /** The session, in the era that has them; a socket has one from the start, HTTP after `initialize`. */
  readonly session: McpSession | undefined;
  readonly responder: Responder;
  /** Requests of 2026-07-28 that share a connection, so that they can be cancelled by id; HTTP has none. */
  readonly inFlight: InFlight | undefined;
  /** Opens the session when `initialize` arrives. */
  readonly openSession: (params: Params) => McpSession;
}

/** One request being served: the caller, the era, the client's capabilities, and where the answer goes. */
export interface RequestContext {
  readonly era: Era;
  /** The revision of the answer. */
  readonly revision: Revision;
  readonly id: RequestId;
  readonly method: string;
  /** Milliseconds of `performance.now()`. */
  readonly beganAt: number;
  readonly params: Params;
  readonly meta: Params;
  readonly principal: Principal;
  readonly address: string;
  readonly headers: IncomingHttpHeaders;
  readonly session: McpSession | undefined;
  readonly capabilities: Params;
  readonly responder: Responder;
  /** Fires when the caller cancels or, in 2026-07-28 over HTTP, disconnects. */
  readonly cancellation: Cancellation;
  readonly openSession: MessageContext['openSession'];
}
