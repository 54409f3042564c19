import { setTimeout as delay } from 'node:timers/promises';
import type { ErrorCode } from '../../platform/errors/error-catalogue.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { boundedFetch } from '../../platform/http/bounded-fetch.js';
import { FetchError } from '../../platform/http/fetch-error.js';
import { isRecord } from '../decoding/frame.js';

export interface ForgeHttpOptions {
  /** `http(s)://host[:port][/path]`, without a trailing slash */
  readonly url: string;
  readonly token: string | undefined;
}

export interface ForgeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | boolean | undefined>>;
  readonly body?: object;
  /** Milliseconds; default 15000. Stopping an agent takes seconds, starting one may take longer. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const TIMEOUT_MS = 15_000;
/** Reads are retried when the connection fails; a write may already have been executed. */
const READ_ATTEMPTS = 3;
const RETRY_DELAY_MS = 100;
/** Bytes of one response; the diff of an attempt may be large. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Characters of Forge's response quoted in an error. */
const MAX_DETAIL = 500;

/**
 * HTTP exchange with Forge. The status alone is not enough: unknown paths return 200 with a web page, and failed
 * business rules 200 with `success: false`. Status, content type and envelope are all checked. Errors read `[status]
 * statusText: body`; those of reads begin with `Failed to fetch data`.
 */
export class ForgeHttp {
  constructor(private readonly options: ForgeHttpOptions) {}

  /**
   * @returns the envelope's `data`, or the whole body of the few responses without an envelope
   * @throws OpstreamError `forge_unavailable`, `forge_timeout`, `forge_not_found`, `forge_refused`, `forge_failed`
   */
  async send(request: ForgeRequest): Promise<unknown> {
    const response = await this.exchange(request);
    const { status } = response;
    const json = response.json();
    if (status >= 200 && status < 300 && json === undefined) throw notJson(request, response);
    if (isRecord(json) && json.success === false) {
      const said = [json.message, json.error_data].find((one) => typeof one === 'string');
      throw failure(request, response, said ?? response.body);
    }
    if (status < 200 || status >= 300) throw failure(request, response, response.body);
    return isRecord(json) && json.success === true ? (json.data ?? null) : json;
  }

  private async exchange(request: ForgeRequest): Promise<Answer> {
    const attempts = request.method === 'GET' ? READ_ATTEMPTS : 1;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.fetch(request);
      } catch (error) {
        const gone = connectionError(request, error);
        if (gone.code !== 'forge_unavailable' || attempt === attempts || request.signal?.aborted) throw gone;
        await delay(RETRY_DELAY_MS * attempt, undefined, { signal: request.signal }).catch(() => {});
        if (request.signal?.aborted) throw gone;
      }
    }
  }

  private async fetch({ method, path, query, body, timeoutMs, signal }: ForgeRequest): Promise<Answer> {
    const url = new URL(this.options.url + path);
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const limit = timeoutMs ?? TIMEOUT_MS;
    const response = await boundedFetch({
      url,
      method,
      headers: {
        accept: 'application/json',
        ...(body && { 'content-type': 'application/json' }),
        ...(this.options.token !== undefined && { authorization: `Bearer ${this.options.token}` }),
      },
      body: body && JSON.stringify(body),
      signal,
      maxBytes: MAX_ANSWER_BYTES,
      headMs: limit,
      totalMs: limit,
      // Redirects are reported, not followed: the token belongs to this server alone.
      redirects: 'none',
    });
    return new Answer(
      response.status,
      response.statusText,
      response.headers['content-type'] ?? '',
      await response.text(),
    );
  }
}

class Answer {
  constructor(
    readonly status: number,
    readonly statusText: string,
    readonly contentType: string,
    readonly body: string,
  ) {}

  /** Undefined when the body is not JSON. */
  json(): unknown {
    if (!this.contentType.includes('json')) return undefined;
    try {
      return JSON.parse(this.body) as unknown;
    } catch {
      return undefined;
    }
  }
}

/** For an unknown path, which returns a web page, or a server that fails half-way. */
function notJson(request: ForgeRequest, { contentType, body }: Answer): OpstreamError {
  const { method, path } = request;
  if (body === '')
    return forgeError(request, 'forge_failed', `Forge answered ${method} ${path} with nothing`);
  const type = contentType.split(';', 1)[0] || 'something';
  if (type.includes('json')) {
    return forgeError(request, 'forge_failed', `Forge answered ${method} ${path} with broken JSON`);
  }
  return forgeError(
    request,
    'forge_not_found',
    `Forge does not know ${method} ${path}: it answered with ${type}`,
  );
}

function failure(request: ForgeRequest, { status, statusText }: Answer, body: string): OpstreamError {
  const code = status === 404 ? 'forge_not_found' : status >= 500 ? 'forge_failed' : 'forge_refused';
  const asked = `${request.method} ${request.path}`;
  const said = body.slice(0, MAX_DETAIL);
  // Forge answers an unknown id with an empty response.
  const reason =
    said === '' && status === 404 ? `Forge does not have what ${asked} names` : `${said} (${asked})`.trim();
  return forgeError(request, code, `[${status}] ${statusText}: ${reason}`);
}

function connectionError(request: ForgeRequest, error: unknown): OpstreamError {
  if (error instanceof OpstreamError) return error;
  const { method, path, signal } = request;
  if (error instanceof FetchError && error.kind === 'timeout') {
    return forgeError(request, 'forge_timeout', `Forge did not answer ${method} ${path} in time`, error);
  }
  if (signal?.aborted) return forgeError(request, 'forge_unavailable', 'The request was cancelled', error);
  return forgeError(request, 'forge_unavailable', `Forge cannot be reached: ${reason(error)}`, error);
}

/** The error of a request. Failed reads have their own wording, which existing callers match. */
export function forgeError(
  { method }: ForgeRequest,
  code: ErrorCode,
  what: string,
  cause?: unknown,
): OpstreamError {
  const message = method === 'GET' ? `Failed to fetch data: ${what}` : what;
  return new OpstreamError(code, message, {}, { cause });
}

/** The network error, e.g. `connect ECONNREFUSED 127.0.0.1:8887`; the URL stays in the log. */
function reason(error: unknown): string {
  const cause = error instanceof Error ? (error.cause as { code?: unknown } | undefined) : undefined;
  return typeof cause?.code === 'string'
    ? cause.code
    : error instanceof Error
      ? error.message
      : String(error);
}
