import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import { AuditLog } from '../../auth/audit-log.js';
import { requireScope } from '../../auth/auth.guard.js';
import { clientAddress } from '../../auth/client-address.js';
import { ConnectionLimit } from '../../auth/connection-limit.js';
import { HttpSecurity, type IncomingRequest } from '../../auth/http-security.js';
import type { Principal } from '../../auth/principal.js';
import { ValidityWatch } from '../../auth/validity-watch.js';
import { Configuration } from '../../config/configuration.js';
import { OpstreamError, toOpstreamError } from '../../platform/errors/opstream-error.js';
import { toProblem } from '../../rest/problem.js';
import type { SseStream } from '../../streaming/sse/sse-stream.js';
import { StreamsService } from '../streams.service.js';
import { follow } from './stream-follow.js';
import { streamPathOf } from './stream-path.js';
import { catchUp, describe, longPoll } from './stream-reads.js';
import { invalid } from './stream-request.js';
import { append, create, remove, type StreamCall } from './stream-writes.js';

const METHODS = 'GET, HEAD, PUT, POST, DELETE';
/** What pages of ALLOWED_ORIGINS may read. */
const CORS_RESPONSE_HEADERS =
  'Stream-Next-Offset, Stream-Cursor, Stream-Up-To-Date, Stream-Closed, Stream-TTL, Stream-Expires-At, ' +
  'Stream-SSE-Data-Encoding, Producer-Epoch, Producer-Seq, Producer-Expected-Seq, Producer-Received-Seq, ETag, ' +
  'Location, Retry-After';

/** Members of a refusal that the protocol tells in headers. */
const REFUSAL_HEADERS: Readonly<Record<string, string>> = {
  next_offset: 'Stream-Next-Offset',
  producer_epoch: 'Producer-Epoch',
  expected_seq: 'Producer-Expected-Seq',
  received_seq: 'Producer-Received-Seq',
  retry_after: 'Retry-After',
};

/**
 * The Durable Streams protocol on `STREAMS_PATH`, for byte streams of any content type. It is served ahead of the web
 * framework on the same server, and therefore does its own checks.
 */
@Injectable()
export class StreamsHttp implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Streams');
  private readonly root: string | undefined;
  private readonly trustProxy: boolean;
  private readonly places: ConnectionLimit;
  private readonly open = new Map<SseStream, number>();
  private closing = false;

  constructor(
    private readonly streams: StreamsService,
    private readonly security: HttpSecurity,
    private readonly audit: AuditLog,
    configuration: Configuration,
  ) {
    this.root = configuration.streams.path;
    this.trustProxy = configuration.http.trustProxy;
    this.places = new ConnectionLimit(configuration.streaming.maxStreamsPerUser);
    streams.removed$.subscribe(({ id }) => {
      for (const [stream, streamId] of this.open) if (streamId === id) stream.goAway();
    });
  }

  /** Puts the protocol in front of whatever the server serves. */
  mount(server: Server): void {
    const { root } = this;
    if (root === undefined) return;
    const behind = server.listeners('request') as RequestListener[];
    server.removeAllListeners('request');
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (request.url?.startsWith(`${root}/`)) void this.serve(request, response, root);
      else for (const listener of behind) listener(request, response);
    });
  }

  beforeApplicationShutdown(): void {
    this.closing = true;
    for (const stream of this.open.keys()) stream.goAway();
  }

  private async serve(request: IncomingMessage, response: ServerResponse, root: string): Promise<void> {
    try {
      if (this.closing) throw new OpstreamError('shutting_down', 'The service is shutting down');
      if (this.answersPreflight(request, response)) return;
      const principal = await this.security.admit(request);
      const path = streamPathOf(request.url ?? '', root);
      if (path === undefined) throw new OpstreamError('not_found', 'This is not the path of a stream');
      const call = { request, response, tenant: principal.tenant, path, root };
      await this.carryOut(call, principal);
    } catch (thrown) {
      this.refuse(request, response, thrown);
    }
  }

  /** @returns true when the request was answered */
  private answersPreflight(request: IncomingMessage, response: ServerResponse): boolean {
    response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
    if (this.security.open(request, response)) return true;
    response.setHeader('Access-Control-Expose-Headers', CORS_RESPONSE_HEADERS);
    if (request.method !== 'OPTIONS') return false;
    response.writeHead(204, { Allow: `${METHODS}, OPTIONS` }).end();
    return true;
  }

  private async carryOut(call: StreamCall, principal: Principal): Promise<void> {
    const { method } = call.request;
    const reads = method === 'GET' || method === 'HEAD';
    requireScope(principal, reads ? 'streams:read' : 'streams:write');
    if (method === 'PUT') return create(this.streams, call);
    if (method === 'POST') return append(this.streams, call);
    if (method === 'DELETE') return remove(this.streams, call);
    if (method === 'HEAD') return describe(this.streams, call);
    if (method === 'GET') return this.read(call, principal);
    throw new OpstreamError('method_not_allowed', `${method} is not served here`);
  }

  private async read(call: StreamCall, principal: Principal): Promise<void> {
    const query = queryOf(call.request.url ?? '');
    if (query.live === null) return catchUp(this.streams, call, query);
    const leave = this.places.reserve(principal, clientAddress(call.request, this.trustProxy));
    if (query.live === 'long-poll') return longPoll(this.streams, call, query).finally(leave);
    const validity = new ValidityWatch((reason) => stream?.fail(new OpstreamError('unauthorized', reason)));
    let stream: SseStream | undefined;
    let isServed = false;
    const onClose = (): void => {
      leave();
      validity.stop();
      if (stream) this.open.delete(stream);
    };
    try {
      const { id } = await this.streams.find(call.tenant, call.path);
      stream = await follow(this.streams, call, query, onClose);
      isServed = true;
      if (stream?.open) this.open.set(stream, id);
      validity.watch(principal);
    } finally {
      if (!isServed) leave();
    }
  }

  private refuse(
    request: IncomingMessage & IncomingRequest,
    response: ServerResponse,
    thrown: unknown,
  ): void {
    const error = toOpstreamError(thrown);
    const problem = toProblem(error);
    this.audit.requestRefused(request, error, { principal: request.principal });
    if (problem.status >= 500 && error.code !== 'shutting_down')
      this.logger.error({ event: 'stream_request_failed', error: thrown });
    if (response.headersSent || response.destroyed) return;
    for (const [member, name] of Object.entries(REFUSAL_HEADERS)) {
      const value = error.extra[member];
      if (typeof value === 'string' || typeof value === 'number') response.setHeader(name, String(value));
    }
    const body = Buffer.from(JSON.stringify(problem));
    response.writeHead(problem.status, {
      'Content-Type': 'application/problem+json; charset=utf-8',
      'Content-Length': body.length,
      'Cache-Control': 'no-store',
      ...(error.code === 'stream_closed' && { 'Stream-Closed': 'true' }),
      ...(error.code === 'method_not_allowed' && { Allow: METHODS }),
      // What is left of a refused body is not read.
      ...(!request.complete && { Connection: 'close' }),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}

interface Query {
  readonly offset: string | null;
  readonly live: 'long-poll' | 'sse' | null;
  readonly cursor: string | null;
}

/** @throws OpstreamError `invalid_request` */
function queryOf(url: string): Query {
  const parameters = new URLSearchParams(url.split('?', 2)[1] ?? '');
  const only = (name: string): string | null => {
    const [value = null, ...others] = parameters.getAll(name);
    if (others.length > 0) throw invalid(`${name} is given more than once`);
    return value;
  };
  const offset = only('offset');
  if (offset === '') throw invalid('offset is empty');
  const live = only('live');
  if (live !== null && live !== 'long-poll' && live !== 'sse') throw invalid('live is long-poll or sse');
  return { offset, live, cursor: only('cursor') };
}
