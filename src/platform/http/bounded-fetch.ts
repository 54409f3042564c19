import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { BoundedResponse } from './bounded-response.js';
import { FetchError, type FetchFailure } from './fetch-error.js';
import { AddressNotAllowed, isPublicAddress, literalAddress, lookupPublic } from './public-address.js';

/** An outgoing request of the service itself. */
export interface OutgoingRequest {
  readonly url: string | URL;
  /** `GET` by default. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Aborts the request and closes its connection. */
  readonly signal?: AbortSignal | undefined;
  /** Limit of the decoded body in bytes. */
  readonly maxBytes: number;
  /** Milliseconds until status and headers must have arrived. */
  readonly headMs: number;
  /** Milliseconds until the body must have arrived, too; a stream has no such limit. */
  readonly totalMs?: number;
  /**
   * `origin` follows redirects within the origin, so that credentials stay where they belong; `method` follows only
   * those that repeat the request unchanged; `none` returns the redirect.
   */
  readonly redirects: 'origin' | 'method' | 'none';
  /** `public` refuses addresses outside the public Internet, checked against the address actually connected to. */
  readonly addresses?: 'any' | 'public';
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const MAX_REDIRECTS = 5;
/**
 * Milliseconds an idle connection is kept. Servers close theirs after two to five idle seconds, and a request that
 * races with the close is lost.
 */
const KEEP_ALIVE_MS = 1500;
const options = { keepAlive: true, timeout: KEEP_ALIVE_MS, maxFreeSockets: 32 };
/** Connections of checked and unchecked requests are never shared. */
const agents = {
  any: { 'http:': new HttpAgent(options), 'https:': new HttpsAgent(options) },
  public: { 'http:': new HttpAgent(options), 'https:': new HttpsAgent(options) },
};

/**
 * Makes a request to an untrusted remote. The response has a size limit and a deadline, redirects are followed only
 * within the origin, and an aborted request leaves no connection behind. All outgoing requests of the service go
 * through here.
 * @throws FetchError
 */
export async function boundedFetch(outgoing: OutgoingRequest): Promise<BoundedResponse> {
  let request = outgoing;
  let url = parse(outgoing.url);
  const endsAt = outgoing.totalMs === undefined ? undefined : performance.now() + outgoing.totalMs;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await exchange(url, request, endsAt);
    const { location } = response.headers;
    const follows =
      location !== undefined && REDIRECTS.has(response.status) && keeps(request, response.status);
    if (!follows) return response;
    response.cancel();
    url = within(url, location);
    const { status } = response;
    const asGet = status === 303 || (status <= 302 && request.method === 'POST');
    if (asGet) request = { ...request, method: 'GET', body: undefined };
  }
  throw new FetchError('broken', `${url.origin} redirects more than ${MAX_REDIRECTS} times`);
}

/** Whether a redirect of this status may be followed. */
function keeps({ redirects, method = 'GET' }: OutgoingRequest, status: number): boolean {
  if (redirects === 'method') return method === 'GET' || status >= 307;
  return redirects === 'origin';
}

function parse(url: string | URL): URL {
  const parsed = typeof url === 'string' ? (URL.canParse(url) ? new URL(url) : undefined) : url;
  if (parsed && /^https?:$/.test(parsed.protocol)) return parsed;
  throw new FetchError('refused', 'the address is not an http(s) URL');
}

/** @throws FetchError for a redirect to another origin, which would take the request's credentials along */
function within(from: URL, location: string): URL {
  const next = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  if (next?.origin === from.origin) {
    next.username = from.username;
    next.password = from.password;
    return next;
  }
  throw new FetchError(
    'broken',
    `${from.origin} redirects to ${next?.origin ?? 'nowhere'}, which is not followed`,
  );
}

async function exchange(
  url: URL,
  outgoing: OutgoingRequest,
  endsAt: number | undefined,
): Promise<BoundedResponse> {
  try {
    return await attempt(url, outgoing, endsAt);
  } catch (thrown) {
    // A server may close an idle connection at the very moment it is reused.
    const again = thrown instanceof StaleConnection && /^(GET|HEAD)$/.test(outgoing.method ?? 'GET');
    if (again) return attempt(url, outgoing, endsAt);
    throw thrown;
  }
}

/** A kept connection that the remote had already closed. */
class StaleConnection extends FetchError {}

function attempt(url: URL, outgoing: OutgoingRequest, endsAt: number | undefined): Promise<BoundedResponse> {
  const { signal, maxBytes, headMs, body } = outgoing;
  if (signal?.aborted) return Promise.reject(new FetchError('aborted', 'the request was given up'));
  return new Promise((resolve, reject) => {
    let failure: FetchFailure | undefined;
    let connected = false;
    const timers: NodeJS.Timeout[] = [];
    const cut = (why: FetchFailure): void => {
      failure ??= why;
      // Destroy without an error: Node would emit it on a socket that is just being returned to its agent.
      request.destroy();
    };
    const abort = (): void => cut({ kind: 'aborted', message: 'the request was given up' });
    const done = (): void => {
      for (const timer of timers) clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    let request: ClientRequest;
    try {
      request = open(url, outgoing);
    } catch (thrown) {
      return reject(
        thrown instanceof FetchError ? thrown : new FetchError('refused', (thrown as Error).message),
      );
    }
    const late = (ms: number) => () =>
      cut({ kind: 'timeout', message: `no answer within ${Math.round(ms)} ms` });
    const head = setTimeout(late(headMs), headMs);
    timers.push(head);
    if (endsAt !== undefined) {
      const left = Math.max(0, endsAt - performance.now());
      timers.push(setTimeout(late(outgoing.totalMs ?? left), left));
    }
    signal?.addEventListener('abort', abort, { once: true });
    request.once('socket', (socket) => {
      if (!socket.connecting) connected = true;
      else socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => (connected = true));
    });
    request.once('response', (message: IncomingMessage) => {
      clearTimeout(head);
      resolve(new BoundedResponse(url, message, { maxBytes, failure: () => failure, done }));
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      done();
      reject(explain(error, failure, connected, request.reusedSocket));
    });
    request.end(body);
  });
}

/** @throws FetchError, or TypeError for headers that cannot be sent */
function open(
  url: URL,
  { method = 'GET', headers, body, addresses = 'any' }: OutgoingRequest,
): ClientRequest {
  const literal = literalAddress(url.hostname);
  if (addresses === 'public' && literal !== undefined && !isPublicAddress(literal)) {
    throw new FetchError('refused', new AddressNotAllowed().message);
  }
  const agent = agents[addresses][url.protocol as 'http:' | 'https:'];
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return send(url, {
    method,
    agent,
    headers: {
      'user-agent': 'opstream',
      'accept-encoding': 'gzip, deflate, br',
      ...headers,
      ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
    },
    ...(addresses === 'public' && { lookup: lookupPublic }),
  });
}

/** @param connected whether the request had a connection; without one, nothing was executed */
function explain(
  error: NodeJS.ErrnoException,
  failure: FetchFailure | undefined,
  connected: boolean,
  reused: boolean,
): FetchError {
  const cause = { cause: error };
  if (failure) {
    const kind = failure.kind === 'timeout' && !connected ? 'unreachable' : failure.kind;
    return new FetchError(kind, failure.message, cause);
  }
  if (error instanceof AddressNotAllowed) return new FetchError('refused', error.message, cause);
  const reason = reasonOf(error);
  if (!connected) return new FetchError('unreachable', reason, cause);
  const stale = reused && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
  return stale ? new StaleConnection('broken', reason, cause) : new FetchError('broken', reason, cause);
}

/** The aggregate error of several attempts, one per address, has no message of its own. */
function reasonOf(error: Error & { readonly errors?: readonly Error[] }): string {
  return error.message || error.errors?.[0]?.message || error.name;
}
