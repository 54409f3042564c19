import type { Cancellation } from './cancellation.js';
import type { RequestId } from './json-rpc.js';
import { RPC, RpcError } from './rpc-error.js';

/** Maximum unanswered requests per session or connection. */
const MAX_IN_FLIGHT = 1024;

/** The unanswered requests of one session or connection, so that they can be cancelled by id. */
export class InFlight {
  private readonly requests = new Map<RequestId, Cancellation>();

  /** @throws RpcError for an id that is in use, and when there are too many */
  add(id: RequestId, cancellation: Cancellation): void {
    if (this.requests.has(id)) {
      throw new RpcError(RPC.invalidRequest, `Invalid Request: id ${JSON.stringify(id)} is in use`);
    }
    if (this.requests.size >= MAX_IN_FLIGHT) {
      throw new RpcError(RPC.serverError, 'Too many requests are unanswered', { code: 'too_many_requests' });
    }
    this.requests.set(id, cancellation);
  }

  remove(id: RequestId): void {
    this.requests.delete(id);
  }

  /** Unknown ids are ignored: the answer may have crossed the cancellation. */
  cancel(id: unknown, reason: string): void {
    this.requests.get(id as RequestId)?.cancel(reason);
  }

  cancelAll(reason: string): void {
    for (const cancellation of this.requests.values()) cancellation.cancel(reason);
  }

  get size(): number {
    return this.requests.size;
  }
}
