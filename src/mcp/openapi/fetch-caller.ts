import { boundedFetch } from '../../platform/http/bounded-fetch.js';
import { FetchError } from '../../platform/http/fetch-error.js';
import { UserError } from '../tools/user-error.js';
import { MAX_RESPONSE_BYTES, type EndpointCaller } from './endpoint-caller.js';

/** Maximum milliseconds of any call; an entry's `timeout_ms` may be shorter. */
const MAX_CALL_MS = 600_000;

/** Base URL of an API, and who determined it. */
export interface ApiAddress {
  /** The document's paths are appended to it. */
  readonly base: string;
  /** `public` if an external document names the address: it must not reach our own network. */
  readonly addresses: 'any' | 'public';
}

/** Calls an API over HTTP. */
export function fetchCaller({ base, addresses }: ApiAddress): EndpointCaller {
  const prefix = base.replace(/[?#].*$/s, '').replace(/\/+$/, '');
  const { origin } = new URL(prefix);
  return async ({ method, target, headers, body }, { signal, ...call }) => {
    const url = within(prefix, target);
    try {
      const response = await boundedFetch({
        url,
        method,
        headers: { ...headers, ...call.headers },
        body,
        signal,
        maxBytes: MAX_RESPONSE_BYTES,
        headMs: MAX_CALL_MS,
        totalMs: MAX_CALL_MS,
        redirects: 'origin',
        addresses,
      });
      return {
        status: response.status,
        contentType: response.headers['content-type'] ?? '',
        body: await response.bytes(),
      };
    } catch (thrown) {
      signal.throwIfAborted();
      throw new UserError(toldOf(thrown, origin));
    }
  };
}

/**
 * The URL of a call. Neither the document's path nor an argument may leave the base, even after URL parsing.
 * @throws UserError
 */
function within(prefix: string, target: string): URL {
  const base = new URL(prefix);
  const url = URL.canParse(prefix + target) ? new URL(prefix + target) : undefined;
  const path = target.split(/[?#]/, 1)[0]!;
  const kept = url && segments(url.pathname) === segments(base.pathname.replace(/\/$/, '') + path);
  if (kept && target.startsWith('/') && url.host === base.host && url.protocol === base.protocol) return url;
  throw new UserError(`The path of this call would lead out of ${base.origin}`);
}

/** Parsers drop `.` and `..`, and treat a backslash as a slash. */
function segments(path: string): number {
  return path.split('/').length;
}

function toldOf(thrown: unknown, origin: string): string {
  if (!(thrown instanceof FetchError)) return `${origin} cannot be reached: ${reasonOf(thrown)}`;
  // The address may carry credentials, its origin does not.
  switch (thrown.kind) {
    case 'too_large':
      return `The answer has more than ${MAX_RESPONSE_BYTES} bytes`;
    case 'timeout':
    case 'broken':
      return / redirects /.test(thrown.message)
        ? `${thrown.message}; base_url says where the API is`
        : `${origin} gave no answer: ${thrown.message}`;
    default:
      return `${origin} cannot be reached: ${thrown.message}`;
  }
}

/** The reason of a failure, as a clause. */
export function reasonOf(thrown: unknown): string {
  const { cause, message } = thrown as Error;
  return message === '' && cause instanceof Error ? cause.message : message;
}
