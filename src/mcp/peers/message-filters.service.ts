import { Injectable } from '@nestjs/common';
import type { Params } from '../protocol/json-rpc.js';

/** The direction of a message. */
export interface MessageRoute {
  readonly direction: 'incoming' | 'outgoing';
  /** Name of the peer it comes from or goes to. */
  readonly peer: string;
  /** Sends a message to the peer, e.g. the answer to a request that is then not passed on. */
  readonly reply: (message: Params) => void;
}

/**
 * Sees one JSON-RPC message before it is sent or served. The return value replaces it; `undefined` drops it. A filter
 * that throws drops it, too.
 */
export type MessageFilter = (message: Params, route: MessageRoute) => Params | undefined;

/** The filters for messages from and to peers, in the order in which they were added. */
@Injectable()
export class MessageFilters {
  private readonly filters: MessageFilter[] = [];

  get size(): number {
    return this.filters.length;
  }

  /** @returns removes it */
  add(filter: MessageFilter): () => void {
    this.filters.push(filter);
    return () => {
      const at = this.filters.indexOf(filter);
      if (at >= 0) this.filters.splice(at, 1);
    };
  }

  apply(message: Params, route: MessageRoute): Params | undefined {
    let current: Params | undefined = message;
    for (const filter of this.filters) {
      if (current === undefined) break;
      current = filter(current, route);
    }
    return current;
  }
}
