import { Injectable } from '@nestjs/common';
import type { Params } from '../protocol/json-rpc.js';

/** Where a message is on its way. */
export interface MessageRoute {
  readonly direction: 'incoming' | 'outgoing';
  /** Name of the peer it comes from or goes to. */
  readonly peer: string;
  /** Sends a message back to the peer, e.g. the answer to a request that is then not passed on. */
  readonly reply: (message: Params) => void;
}

/**
 * Looks at one JSON-RPC message before it is sent or served. What it returns goes on in its place; `undefined`
 * ends the message here. A filter that throws ends it too.
 */
export type MessageFilter = (message: Params, route: MessageRoute) => Params | undefined;

/** The filters that messages from and to peers pass, in the order in which they were added. */
@Injectable()
export class MessageFilters {
  private readonly filters: MessageFilter[] = [];

  get size(): number {
    return this.filters.length;
  }

  /** @returns removes it again */
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
