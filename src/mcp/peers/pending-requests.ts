import type { Params, RequestId, RpcResponse } from '../protocol/json-rpc.js';
import { encodeNotification, encodeRequest } from '../protocol/json-rpc.js';

/** A request that got no answer: the connection was lost, it took too long, or it was given up. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
}

export interface RequestOptions {
  /** Milliseconds; progress begins them anew. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with every notification that belongs to this request; asks the far side for progress. */
  readonly onProgress?: (params: Params) => void;
}

interface Pending {
  readonly method: string;
  readonly resolve: (response: RpcResponse) => void;
  readonly reject: (error: Unanswered) => void;
  readonly onProgress: RequestOptions['onProgress'];
  readonly timer: NodeJS.Timeout;
}

/** Requests that one connection may have unanswered. */
const MAX_PENDING = 1024;

/**
 * Finds the request that an answer belongs to (S3-18, S3-19). The ids on the wire are our own, so that callers may
 * use any ids, also the same at once, and the far side's ids never meet ours.
 */
export class PendingRequests {
  private readonly pending = new Map<string, Pending>();
  private count = 0;

  constructor(private readonly send: (text: string) => void) {}

  get size(): number {
    return this.pending.size;
  }

  /**
   * Sends a request and resolves with its answer, also when that is an error.
   * @throws Unanswered
   */
  request(method: string, params: Params, options: RequestOptions): Promise<RpcResponse> {
    const { timeoutMs, signal, onProgress } = options;
    if (this.pending.size >= MAX_PENDING) return Promise.reject(new Unanswered('too many requests are open'));
    const id = `opstream-${++this.count}`;
    const answer = new Promise<RpcResponse>((resolve, reject) => {
      const timer = setTimeout(
        () => this.giveUp(id, `no answer to ${method} within ${timeoutMs} ms`),
        timeoutMs,
      );
      this.pending.set(id, { method, resolve, reject, onProgress, timer });
    });
    const abort = (): void => this.giveUp(id, `${method} was cancelled`);
    this.send(encodeRequest(id, method, onProgress ? withProgressToken(params, id) : params));
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
    return answer.finally(() => signal?.removeEventListener('abort', abort));
  }

  /** @returns false for an answer to nothing of ours */
  settle(response: RpcResponse): boolean {
    const pending = this.take(response.id);
    pending?.resolve(response);
    return pending !== undefined;
  }

  /** Takes `notifications/progress`; the request has so long again. */
  progress(params: Params): void {
    const pending = this.pending.get(String(params.progressToken));
    pending?.timer.refresh();
    pending?.onProgress?.(params);
  }

  fail(id: RequestId, reason: string): void {
    this.take(id)?.reject(new Unanswered(reason));
  }

  failAll(reason: string): void {
    for (const id of this.pending.keys()) this.fail(id, reason);
  }

  /** The far side is told, so that it need not go on. */
  private giveUp(id: string, reason: string): void {
    const pending = this.take(id);
    if (!pending) return;
    // `initialize` must not be cancelled (specification, "Cancellation").
    if (pending.method !== 'initialize') {
      this.send(encodeNotification('notifications/cancelled', { requestId: id, reason }));
    }
    pending.reject(new Unanswered(reason));
  }

  private take(id: string | number): Pending | undefined {
    const pending = this.pending.get(String(id));
    if (!pending) return undefined;
    clearTimeout(pending.timer);
    this.pending.delete(String(id));
    return pending;
  }
}

function withProgressToken(params: Params, token: string): Params {
  const meta = params._meta as Params | undefined;
  return { ...params, _meta: { ...meta, progressToken: token } };
}
