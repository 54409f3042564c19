import { VERSION } from '../../platform/version.js';
import {
  encodeNotification,
  isObject,
  type Params,
  type RequestId,
  type RpcMessage,
  type RpcResponse,
} from '../protocol/json-rpc.js';
import { LEGACY_VERSIONS } from '../protocol/versions.js';
import { PendingRequests, Unanswered, type RequestOptions } from './pending-requests.js';
import type { PeerTimeouts } from './peer-channel.js';

/** Tools of one peer that are looked at, and pages that they may come in. */
const MAX_TOOLS = 1000;
const MAX_PAGES = 100;

export interface PeerClientEvents {
  /** The far side's tools have changed. */
  toolsChanged(): void;
  /** Any other notification. */
  notified(method: string, params: Params): void;
}

/** Our client half of one connection to a peer: asks, and understands what comes back. */
export class PeerClient {
  private readonly pending: PendingRequests;
  private handshaking: Promise<RpcResponse> | undefined;

  constructor(
    private readonly send: (text: string) => void,
    private readonly timeouts: PeerTimeouts,
    private readonly events: PeerClientEvents,
  ) {
    this.pending = new PendingRequests(send);
  }

  /** Requests that wait for their answer. */
  get waiting(): number {
    return this.pending.size;
  }

  /** Whether `initialize` was sent on this connection. */
  get hasBegun(): boolean {
    return this.handshaking !== undefined;
  }

  /**
   * Sends any request and resolves with its answer, also when that is an error.
   * @throws Unanswered
   */
  request(method: string, params: Params, options: Partial<RequestOptions> = {}): Promise<RpcResponse> {
    return this.pending.request(method, params, { timeoutMs: this.timeouts.requestMs, ...options });
  }

  notify(method: string, params?: Params): void {
    this.send(encodeNotification(method, params));
  }

  /**
   * `initialize`, once per connection whoever asks first, and `notifications/initialized` when it succeeds.
   * @param params what of the request is not as usual
   * @throws Unanswered
   */
  handshake(params: Params = {}): Promise<RpcResponse> {
    this.handshaking ??= this.initialize(params);
    return this.handshaking;
  }

  /** All tools as the far side lists them. @throws Unanswered, or Error for an answer that is no list */
  async listTools(): Promise<readonly Params[]> {
    const tools: Params[] = [];
    let cursor: unknown;
    for (let page = 0; page < MAX_PAGES && tools.length < MAX_TOOLS; page++) {
      const { result, error } = await this.request('tools/list', cursor === undefined ? {} : { cursor });
      if (!result || !Array.isArray(result.tools)) {
        throw new Unanswered(`tools/list was answered with ${JSON.stringify(error ?? result).slice(0, 300)}`);
      }
      tools.push(...result.tools.filter(isObject));
      cursor = result.nextCursor;
      if (typeof cursor !== 'string') break;
    }
    return tools.slice(0, MAX_TOOLS);
  }

  /** Takes what belongs to this half. @returns false for what does not */
  receive(message: RpcMessage): boolean {
    if (message.kind === 'response') return this.pending.settle(message);
    if (message.kind !== 'notification') return false;
    switch (message.method) {
      case 'notifications/progress':
        this.pending.progress(message.params);
        return true;
      case 'notifications/tools/list_changed':
        this.events.toolsChanged();
        return true;
      case 'notifications/cancelled':
      case 'notifications/initialized':
      case 'notifications/roots/list_changed':
        return false;
      default:
        this.events.notified(message.method, message.params);
        return true;
    }
  }

  unanswered(id: RequestId, reason: string): void {
    this.pending.fail(id, reason);
  }

  /** @param reason told to all who wait */
  closed(reason: string): void {
    this.pending.failAll(reason);
  }

  private async initialize(params: Params): Promise<RpcResponse> {
    const response = await this.request(
      'initialize',
      {
        protocolVersion: LEGACY_VERSIONS[0],
        capabilities: {},
        clientInfo: { name: 'opstream', version: VERSION },
        ...params,
      },
      { timeoutMs: this.timeouts.connectMs },
    );
    if (response.result) this.notify('notifications/initialized');
    return response;
  }
}
