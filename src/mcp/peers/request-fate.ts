import { isObject, type Params } from '../protocol/json-rpc.js';
import { RPC } from '../protocol/rpc-error.js';
import type { RequestFailure } from './peer-channel.js';

/**
 * What an HTTP response means for its request, in one table. A request, its session and the endpoint fail
 * independently: a response settles its own request and nothing else; only 400 and 404 concern the session; an
 * unreachable endpoint shows when a request cannot be made, not by any response.
 */
export type Fate =
  /** The answer, as the message that settles the request. */
  { readonly fate: 'answered'; readonly message: Params } | ({ readonly fate: 'failed' } & RequestFailure);

export interface HttpAnswer {
  readonly status: number;
  /** Media type without parameters. */
  readonly type: string;
  readonly body: string;
  /** Value of `location`, where the answer is a redirect. */
  readonly location?: string | undefined;
}

/** Errors of a peer that has understood the request, and therefore knows its session. */
const UNDERSTOOD: ReadonlySet<unknown> = new Set([RPC.methodNotFound, RPC.invalidParams]);
/** Statuses besides 4xx that mean that nothing was executed. */
const NOT_DONE: ReadonlySet<number> = new Set([501, 503, 505]);

/** Judges the response to the request `id`. @param hadSession whether it named a session */
export function fateOf(id: number, hadSession: boolean, answer: HttpAnswer): Fate {
  const { status, type, body } = answer;
  const message = /^application\/([^/]+\+)?json$/.test(type) ? rpcMessage(body, id) : undefined;
  const isOk = status >= 200 && status < 300;
  if (message && isObject(message.result) && isOk && namesRequest(message, id))
    return { fate: 'answered', message };
  const error = message && isObject(message.error) ? message.error : undefined;
  if (hadSession && (status === 404 || status === 400)) {
    const understood = message !== undefined && namesRequest(message, id) && UNDERSTOOD.has(error?.code);
    if (!understood) return sessionLost(status, error);
  }
  // Whichever id the error names, it is the outcome of this request.
  if (message && error) return { fate: 'answered', message: { ...message, id } };
  return {
    fate: 'failed',
    kind: 'failed',
    reason: reasonOf(answer, isOk),
    maybeCarriedOut: isOk || (status >= 500 && !NOT_DONE.has(status)),
  };
}

function sessionLost(status: number, error: Params | undefined): Fate {
  const said = typeof error?.message === 'string' ? `: ${error.message.slice(0, 200)}` : '';
  const reason = `the session is not known any more (${status}${said})`;
  return { fate: 'failed', kind: 'session-lost', reason, maybeCarriedOut: false };
}

function reasonOf({ status, type, location }: HttpAnswer, isOk: boolean): string {
  if (isOk) return `the peer answered ${status} without a message (${type || 'no content type'})`;
  if (status === 401 || status === 403)
    return `the peer answered ${status}: check the token in the URL or headers`;
  if (location !== undefined) return `the peer answered ${status}, a redirect that is not followed`;
  return `the peer answered ${status}`;
}

/** The message of a JSON body; in a batch the one that belongs to the request. */
function rpcMessage(body: string, id: number): Params | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  const found: unknown = Array.isArray(value)
    ? value.find((one) => isObject(one) && namesRequest(one, id))
    : value;
  return isObject(found) && found.jsonrpc === '2.0' && found.method === undefined ? found : undefined;
}

/** Some servers answer with the text of a number. */
export function namesRequest({ id: given }: Params, id: number): boolean {
  return given === id || (typeof given === 'string' && /^\d+$/.test(given) && Number(given) === id);
}

/** An answer to a ping is a sign of life if it shows that the ping, or its method, was understood. */
export function isSignOfLife(response: { readonly result?: Params; readonly error?: Params }): boolean {
  if (response.result) return true;
  return response.error?.code === RPC.methodNotFound || response.error?.code === RPC.invalidRequest;
}
