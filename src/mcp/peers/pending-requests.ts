import { encodeNotification, encodeRequest, type Params, type RpcResponse } from '../protocol/json-rpc.js';
import { MAX_ANSWER_BYTES, type RequestFailure, type SentRequest } from './peer-channel.js';

/** A request without an answer: the connection was lost, it timed out, or it was cancelled. */
export class Unanswered extends Error {
  override readonly name: string = 'Unanswered';

  constructor(
    message: string,
    /** Whether the peer may have executed it. */
    readonly maybeCarriedOut = true,
  ) {
    super(message);
  }
}

/** A request that was not executed because the peer no longer knows its session. */
export class SessionLost extends Unanswered {
  override readonly name = 'SessionLost';

  constructor(message: string) {
    super(message, false);
  }
}

export interface RequestOptions {
  /** Milliseconds; progress restarts them. Infinity: no limit. */
  readonly timeoutMs: number;
  /** Milliseconds in which it must be answered in any case. */
  readonly maxMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with every progress notification of this request; requests progress from the remote. */
  readonly onProgress?: (params: Params, bytes: number) => void;
  /** Called with the id of the request before it is sent. */
  readonly onId?: (id: number) => void;
  /** Headers that repeat parts of it. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Carries the requests. */
export interface RequestCarrier {
  send(text: string, request?: SentRequest): void;
  abandon(id: number): void;
  /** Whether `notifications/cancelled` cancels a request. */
  readonly announcesCancellation: boolean;
}

interface Pending {
  readonly method: string;
  readonly resolve: (response: RpcResponse) => void;
  readonly reject: (error: Unanswered) => void;
  readonly onProgress: RequestOptions['onProgress'];
  readonly timeoutMs: number;
  readonly deadline: NodeJS.Timeout | undefined;
  timer: NodeJS.Timeout | undefined;
  /** Characters received for it so far. */
  received: number;
  /** Open questions of the peer at its caller: the timeout is paused. */
  held: number;
}

/** Maximum unanswered requests per connection. */
const MAX_PENDING = 1024;

/**
 * Matches answers to requests. The ids on the wire are our own integers from 1, as in the official clients, so that
 * callers may use any ids, even the same one concurrently.
 */
export class PendingRequests {
  private readonly pending = new Map<number, Pending>();
  private count = 0;

  constructor(private readonly carrier: RequestCarrier) {}

  get size(): number {
    return this.pending.size;
  }

  /**
   * Sends a request and resolves with its answer, even if it is an error.
   * @throws Unanswered
   */
  request(method: string, params: Params, options: RequestOptions): Promise<RpcResponse> {
    const { timeoutMs, maxMs, signal, onProgress, onId, headers } = options;
    if (this.pending.size >= MAX_PENDING) {
      return Promise.reject(new Unanswered('too many requests are open', false));
    }
    if (signal?.aborted) return Promise.reject(new Unanswered(`${method} was cancelled`, false));
    const id = ++this.count;
    const answer = new Promise<RpcResponse>((resolve, reject) => {
      const pending: Pending = {
        method,
        resolve,
        reject,
        onProgress,
        timeoutMs,
        received: 0,
        held: 0,
        timer: undefined,
        deadline: this.after(
          maxMs,
          id,
          `no answer to ${method} within ${maxMs} ms, the most any request gets`,
        ),
      };
      this.pending.set(id, pending);
      this.await(id, pending);
    });
    onId?.(id);
    const abort = (): void => this.giveUp(id, `${method} was cancelled`);
    const text = encodeRequest(id, method, onProgress ? withProgressToken(params, id) : params);
    this.carrier.send(text, { id, method, ...(headers && { headers }) });
    signal?.addEventListener('abort', abort, { once: true });
    return answer.finally(() => signal?.removeEventListener('abort', abort));
  }

  /** @returns false for an answer to no request of ours */
  settle(response: RpcResponse): boolean {
    const pending = this.take(response.id);
    pending?.resolve(response);
    return pending !== undefined;
  }

  /** Handles `notifications/progress`, which restarts the timeout. @returns false when it belongs to no request */
  progress(params: Params, bytes: number, requestId?: number): boolean {
    const id = [params.progressToken, requestId].find((one) => this.pending.has(Number(one)));
    const pending = this.pending.get(Number(id));
    if (!pending) return false;
    pending.timer?.refresh();
    pending.onProgress?.(params, bytes);
    return true;
  }

  /** Counts what was received for a request, which ends when it becomes too much. */
  received(id: number, bytes: number): void {
    const pending = this.pending.get(id);
    if (!pending) return;
    pending.received += bytes;
    if (pending.received > MAX_ANSWER_BYTES) {
      this.giveUp(
        id,
        `${pending.method} was given up: the peer sent more than ${MAX_ANSWER_BYTES} bytes for it`,
      );
    }
  }

  /** Pauses a request's timeout while its caller is asked something. @returns resumes it */
  hold(id: number): () => void {
    const pending = this.pending.get(id);
    if (!pending) return () => {};
    pending.held += 1;
    clearTimeout(pending.timer);
    return () => {
      pending.held -= 1;
      if (pending.held === 0 && this.pending.get(id) === pending) this.await(id, pending);
    };
  }

  fail(id: number, { kind, reason, maybeCarriedOut }: RequestFailure): void {
    const error = kind === 'session-lost' ? new SessionLost(reason) : new Unanswered(reason, maybeCarriedOut);
    this.take(id)?.reject(error);
  }

  failAll(reason: string): void {
    for (const id of this.pending.keys()) this.take(id)?.reject(new Unanswered(reason));
  }

  /** Notifies the remote, so that it can stop, and releases the request. */
  giveUp(id: number, reason: string): void {
    const pending = this.take(id);
    if (!pending) return;
    // `initialize` must not be cancelled (specification, "Cancellation").
    if (this.carrier.announcesCancellation && pending.method !== 'initialize') {
      this.carrier.send(encodeNotification('notifications/cancelled', { requestId: id, reason }));
    }
    this.carrier.abandon(id);
    pending.reject(new Unanswered(reason));
  }

  private await(id: number, pending: Pending): void {
    const { method, timeoutMs } = pending;
    pending.timer = this.after(timeoutMs, id, `no answer to ${method} within ${timeoutMs} ms`);
  }

  private after(ms: number, id: number, reason: string): NodeJS.Timeout | undefined {
    return Number.isFinite(ms) ? setTimeout(() => this.giveUp(id, reason), ms) : undefined;
  }

  private take(id: string | number | null): Pending | undefined {
    // Some servers answer with a number as text.
    const key = typeof id === 'string' && /^\d+$/.test(id) ? Number(id) : id;
    const pending = typeof key === 'number' ? this.pending.get(key) : undefined;
    if (!pending) return undefined;
    clearTimeout(pending.timer);
    clearTimeout(pending.deadline);
    this.pending.delete(key as number);
    return pending;
  }
}

function withProgressToken(params: Params, token: number): Params {
  const meta = params._meta as Params | undefined;
  return { ...params, _meta: { ...meta, progressToken: token } };
}
