import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import { AuditLog } from '../../auth/audit-log.js';
import { requireScope } from '../../auth/auth.guard.js';
import { clientAddress } from '../../auth/client-address.js';
import { ConnectionLimit } from '../../auth/connection-limit.js';
import { exposeHeaders } from '../../auth/cors.js';
import { HttpSecurity, type IncomingRequest } from '../../auth/http-security.js';
import { ValidityWatch } from '../../auth/validity-watch.js';
import { Configuration } from '../../config/configuration.js';
import { OpstreamError, toOpstreamError } from '../../platform/errors/opstream-error.js';
import { toProblem } from '../../rest/problem.js';
import type { SseStream } from '../../streaming/sse/sse-stream.js';
import type { StreamReader } from '../stream-reader.js';
import { StreamsService } from '../streams.service.js';
import { follow } from './stream-follow.js';
import { streamPathOf } from './stream-path.js';
import { StreamOperations } from '../operations/stream-operations.service.js';
import { StoredStreamReader } from '../stored-stream-reader.js';
import { StreamNamespaces } from '../stream-namespaces.js';
import type { StreamCall } from './stream-call.js';
import { catchUp, describe, longPoll, type ReadQuery } from './stream-reads.js';
import { closes, invalid } from './stream-request.js';
import { append, create, remove } from './stream-writes.js';

const METHODS = 'GET, HEAD, PUT, POST, DELETE';
/** Where something else keeps what is read. */
const READ_METHODS = 'GET, HEAD';
/** What pages of ALLOWED_ORIGINS may read beside the usual. */
const EXPOSED_HEADERS =
  'Stream-Next-Offset, Stream-Cursor, Stream-Up-To-Date, Stream-Closed, Stream-TTL, Stream-Expires-At, ' +
  'Stream-SSE-Data-Encoding, Producer-Epoch, Producer-Seq, Producer-Expected-Seq, Producer-Received-Seq, ' +
  'Opstream-Operation';

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
  private readonly open = new Set<SseStream>();
  private closing = false;

  constructor(
    private readonly streams: StreamsService,
    private readonly operations: StreamOperations,
    private readonly namespaces: StreamNamespaces,
    private readonly security: HttpSecurity,
    private readonly audit: AuditLog,
    configuration: Configuration,
  ) {
    this.root = configuration.streams.path;
    this.trustProxy = configuration.http.trustProxy;
    this.places = new ConnectionLimit(configuration.streaming.maxStreamsPerUser);
  }

  /** Installs the protocol ahead of everything else on the server. */
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
    for (const stream of this.open) stream.goAway();
  }

  private async serve(request: IncomingMessage, response: ServerResponse, root: string): Promise<void> {
    try {
      if (this.answersPreflight(request, response)) return;
      if (this.closing) throw new OpstreamError('shutting_down', 'The service is shutting down');
      const { method } = request;
      const endsStream = method === 'DELETE' || (method === 'POST' && closes(request.headers));
      const principal = await this.security.admit(request, false, endsStream);
      const path = streamPathOf(request.url ?? '', root);
      if (path === undefined) throw new OpstreamError('not_found', 'This is not the path of a stream');
      await this.carryOut({ request, response, principal, tenant: principal.tenant, path, root });
    } catch (thrown) {
      this.refuse(request, response, thrown);
    }
  }

  /** @returns true when the request was answered */
  private answersPreflight(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.security.open(request, response)) return true;
    exposeHeaders(response, EXPOSED_HEADERS);
    if (request.method !== 'OPTIONS') return false;
    response.writeHead(204, { Allow: `${METHODS}, OPTIONS` }).end();
    return true;
  }

  private async carryOut(call: StreamCall): Promise<void> {
    const { method } = call.request;
    const reads = method === 'GET' || method === 'HEAD';
    const found = this.namespaces.find(call.path);
    if (found && !reads) {
      call.response.setHeader('Allow', READ_METHODS);
      throw new OpstreamError('method_not_allowed', 'This stream is written by what it shows');
    }
    const scope = reads ? (found?.namespace.scope ?? 'streams:read') : 'streams:write';
    requireScope(call.principal, scope);
    if (method === 'PUT') return create(this.streams, this.operations, call);
    if (method === 'POST') return append(this.streams, call);
    if (method === 'DELETE') return remove(this.streams, call);
    if (!reads) throw new OpstreamError('method_not_allowed', `${method} is not served here`);
    const reader =
      found?.namespace.reader(call.principal, found.id) ??
      new StoredStreamReader(this.streams, call.tenant, call.path);
    return method === 'HEAD' ? describe({ ...call, reader }) : this.read(call, reader);
  }

  private async read(call: StreamCall, reader: StreamReader): Promise<void> {
    const query = queryOf(call.request.url ?? '');
    const { principal } = call;
    const { counts } = this.streams;
    const reading = { ...call, reader };
    if (query.live === null) {
      counts.readBytes += await catchUp(reading, query);
      return;
    }
    const leave = this.places.reserve(principal, clientAddress(call.request, this.trustProxy));
    if (query.live === 'long-poll') {
      counts.readBytes += await longPoll(reading, query).finally(leave);
      return;
    }
    const validity = new ValidityWatch((reason) => stream?.fail(new OpstreamError('unauthorized', reason)));
    let stream: SseStream | undefined;
    let isServed = false;
    const onClose = (): void => {
      leave();
      validity.stop();
      if (stream) this.open.delete(stream);
    };
    try {
      stream = await follow(reading, query, onClose);
      isServed = true;
      if (stream?.open) this.open.add(stream);
      if (stream?.open) validity.watch(principal);
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
      ...(error.code === 'method_not_allowed' && !response.hasHeader('Allow') && { Allow: METHODS }),
      // What is left of a refused body is not read.
      ...(!request.complete && { Connection: 'close' }),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}

/** @throws OpstreamError `invalid_request` */
function queryOf(url: string): ReadQuery {
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
