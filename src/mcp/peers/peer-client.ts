import { setTimeout as delay } from 'node:timers/promises';
import { VERSION } from '../../platform/version.js';
import {
  encodeNotification,
  isObject,
  type Params,
  type RpcMessage,
  type RpcResponse,
} from '../protocol/json-rpc.js';
import { RPC } from '../protocol/rpc-error.js';
import { LEGACY_VERSIONS, META, MODERN_VERSION } from '../protocol/versions.js';
import { PendingRequests, SessionLost, Unanswered, type RequestOptions } from './pending-requests.js';
import type { PeerChannel, PeerTimeouts, RequestFailure, SentRequest } from './peer-channel.js';
import { isSignOfLife } from './request-fate.js';
import { headerParametersOf, statelessHeaders, type HeaderParameters } from './stateless-headers.js';
import { listTools, type ToolList } from './tool-list.js';

/** Our capabilities for a peer: its questions go to the caller of its tool. */
const CAPABILITIES: Params = { elicitation: {}, sampling: {}, roots: {} };
const CLIENT_INFO = { name: 'opstream', version: VERSION };
/** Sessions lost again within this time are restarted with growing delays. */
const SETTLED_MS = 30_000;
/** Appended when a request was refused even in the new session that replaced a lost one. */
const IN_NEW_SESSION = ', in a new session as well';
const RENEWAL_FIRST_MS = 1000;
const RENEWAL_MAX_MS = 30_000;

export interface PeerClientEvents {
  /** The peer's tools have changed. */
  toolsChanged(): void;
  /** Any other notification. @returns whether it belongs to anything */
  notified(method: string, params: Params, bytes: number, requestId: number | undefined): boolean;
  /** The session was lost, for this reason, and is being restarted. */
  renewing(reason: string): void;
  /** A new session has replaced the lost one. */
  renewed(result: Params): void;
  /** No new session could be opened. */
  notRenewed(reason: string): void;
  /** The peer has answered a request. */
  heard(): void;
}

/** What a client sends over. */
export type ClientChannel = Pick<PeerChannel, 'abandon' | 'agreed' | 'forgetSession' | 'noticesLoss'> & {
  send(text: string, request?: SentRequest): void;
};

/** Our client half of one connection to a peer: sends requests and handles what comes back. */
export class PeerClient {
  private readonly pending: PendingRequests;
  private handshaking: Promise<RpcResponse> | undefined;
  private handshakeParams: Params = {};
  private renewal: Promise<void> | undefined;
  /** How many sessions have been restarted, and when the last one was. */
  private generation = 0;
  private renewedAt = -Infinity;
  private quickRenewals = 0;
  /** The peer speaks the revision without sessions. */
  private isStateless = false;
  private ignoresPings = false;
  private headerParameters: ReadonlyMap<string, HeaderParameters> = new Map();

  /** @param logLevel minimum severity of the log messages requested from the peer */
  constructor(
    private readonly channel: ClientChannel,
    private readonly timeouts: PeerTimeouts,
    private readonly logLevel: string,
    private readonly events: PeerClientEvents,
  ) {
    const announces = (): boolean => !this.isStateless || channel.noticesLoss;
    this.pending = new PendingRequests({
      send: (text, request) => channel.send(text, request),
      abandon: (id) => channel.abandon(id),
      get announcesCancellation() {
        return announces();
      },
    });
  }

  /** Requests waiting for an answer. */
  get waiting(): number {
    return this.pending.size;
  }

  /** Whether a handshake was started on this connection. */
  get hasBegun(): boolean {
    return this.handshaking !== undefined;
  }

  /**
   * Sends any request and resolves with its answer, even if it is an error. A request that was not executed because
   * the session was lost is repeated once, in a new one.
   * @throws Unanswered
   */
  async request(method: string, params: Params, options: Partial<RequestOptions> = {}): Promise<RpcResponse> {
    for (let isSecond = false; ; isSecond = true) {
      await this.renewal;
      const { generation } = this;
      try {
        const response = await this.ask(method, params, options);
        this.events.heard();
        return response;
      } catch (thrown) {
        if (!(thrown instanceof SessionLost)) throw thrown;
        if (isSecond) throw new Unanswered(thrown.message + IN_NEW_SESSION, false);
        if (generation === this.generation) await this.renew(thrown.message);
      }
    }
  }

  notify(method: string, params?: Params): void {
    this.channel.send(encodeNotification(method, params));
  }

  /**
   * `initialize`, once per session regardless of the caller, then `notifications/initialized`. A peer that knows only
   * the revision without sessions gets `server/discover` instead.
   * @param params overrides of the usual request
   * @throws Unanswered
   */
  handshake(params: Params = {}): Promise<RpcResponse> {
    if (!this.handshaking) {
      this.handshakeParams = params;
      this.handshaking = this.initialize(params);
    }
    return this.handshaking;
  }

  /** All tools as the peer lists them. @throws Unanswered, or Error for an answer that is not a list */
  async listTools(): Promise<ToolList> {
    const list = await listTools((cursor) =>
      this.request('tools/list', cursor === undefined ? {} : { cursor }),
    );
    this.headerParameters = new Map(
      list.tools.map((tool) => [String(tool.name), headerParametersOf(tool)] as const),
    );
    return list;
  }

  /** Whether the peer is alive. @returns why it seems not to be */
  async ping(): Promise<string | undefined> {
    if (this.ignoresPings) return undefined;
    const method = this.isStateless ? 'server/discover' : 'ping';
    try {
      const response = await this.request(method, {}, { timeoutMs: this.timeouts.pingTimeoutMs });
      return isSignOfLife(response) ? undefined : `ping was answered with ${shown(response.error)}`;
    } catch (thrown) {
      // A refusal in a brand-new session does not concern the session: the peer does not support ping.
      if (thrown instanceof Unanswered && thrown.message.endsWith(IN_NEW_SESSION)) {
        this.ignoresPings = true;
        return undefined;
      }
      return (thrown as Error).message;
    }
  }

  /** Follows changes of the tools where that takes a request (2026-07-28); resolves when there is nothing to follow. */
  async followChanges(signal: AbortSignal): Promise<void> {
    if (!this.isStateless) return;
    const params = { notifications: { toolsListChanged: true } };
    const options = { timeoutMs: Infinity, maxMs: Infinity, signal };
    for (let failures = 0; !signal.aborted;) {
      const since = performance.now();
      const answer = await this.ask('subscriptions/listen', params, options).catch(() => undefined);
      if (answer?.error) return;
      failures = performance.now() - since > SETTLED_MS ? 1 : failures + 1;
      const wait = Math.min(RENEWAL_MAX_MS, RENEWAL_FIRST_MS * 2 ** Math.min(failures - 1, 10));
      await delay(wait, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) this.events.toolsChanged();
    }
  }

  /**
   * Handles a message for this half. @returns `foreign` if it is for the other half, `unasked` if nobody waits for it
   */
  receive(message: RpcMessage, bytes: number, requestId?: number): 'taken' | 'foreign' | 'unasked' {
    if (requestId !== undefined) this.pending.received(requestId, bytes);
    if (message.kind === 'response') return this.pending.settle(message) ? 'taken' : 'foreign';
    if (message.kind !== 'notification') return 'foreign';
    const { method, params } = message;
    switch (method) {
      case 'notifications/progress':
        return this.pending.progress(params, bytes, requestId) ? 'taken' : 'unasked';
      case 'notifications/tools/list_changed':
        this.events.toolsChanged();
        return 'taken';
      case 'notifications/cancelled':
      case 'notifications/initialized':
      case 'notifications/roots/list_changed':
        return 'foreign';
      default:
        return this.events.notified(method, params, bytes, requestId) ? 'taken' : 'unasked';
    }
  }

  /** Counts what arrived for a request over a transport that does not know it. */
  received(id: number, bytes: number): void {
    this.pending.received(id, bytes);
  }

  /** Pauses a request's timeout while its caller is asked something. @returns resumes it */
  hold(id: number): () => void {
    return this.pending.hold(id);
  }

  giveUp(id: number, reason: string): void {
    this.pending.giveUp(id, reason);
  }

  failed(id: number, failure: RequestFailure): void {
    this.pending.fail(id, failure);
  }

  /** @param reason passed to everyone who waits */
  closed(reason: string): void {
    this.pending.failAll(reason);
  }

  private ask(method: string, params: Params, options: Partial<RequestOptions>): Promise<RpcResponse> {
    const { requestMs: timeoutMs, requestMaxMs: maxMs } = this.timeouts;
    const all = { timeoutMs, maxMs, ...options };
    if (!this.isStateless) return this.pending.request(method, params, all);
    const meta = {
      ...(isObject(params._meta) && params._meta),
      [META.protocolVersion]: MODERN_VERSION,
      [META.clientInfo]: CLIENT_INFO,
      [META.clientCapabilities]: CAPABILITIES,
      ...(method === 'tools/call' && { [META.logLevel]: this.logLevel }),
    };
    const headers = statelessHeaders(method, params, this.headerParameters.get(String(params.name)));
    return this.pending.request(method, { ...params, _meta: meta }, { ...all, headers });
  }

  private async initialize(params: Params): Promise<RpcResponse> {
    this.isStateless = false;
    const usual = {
      protocolVersion: LEGACY_VERSIONS[0],
      capabilities: CAPABILITIES,
      clientInfo: CLIENT_INFO,
    };
    const timeoutMs = this.timeouts.connectMs;
    const response = await this.ask('initialize', { ...usual, ...params }, { timeoutMs });
    if (response.error && mayBeStateless(response.error)) return (await this.discover()) ?? response;
    const { result } = response;
    if (!result) return response;
    const version = typeof result.protocolVersion === 'string' ? result.protocolVersion : LEGACY_VERSIONS[0];
    this.channel.agreed(version, false);
    this.notify('notifications/initialized');
    if (isObject(result.capabilities) && isObject(result.capabilities.logging)) {
      // Some servers log nothing before a level is set.
      this.ask('logging/setLevel', { level: this.logLevel }, {}).catch(() => undefined);
    }
    return response;
  }

  /** @returns the answer in the form of `initialize`'s; undefined when the peer does not speak that revision */
  private async discover(): Promise<RpcResponse | undefined> {
    this.isStateless = true;
    const { id, result } = await this.ask('server/discover', {}, { timeoutMs: this.timeouts.connectMs });
    const versions: unknown = result?.supportedVersions;
    if (!result || !Array.isArray(versions) || !versions.includes(MODERN_VERSION)) {
      this.isStateless = false;
      return undefined;
    }
    this.channel.agreed(MODERN_VERSION, true);
    return { kind: 'response', id, result: { ...result, protocolVersion: MODERN_VERSION } };
  }

  private renew(reason: string): Promise<void> {
    this.renewal ??= this.beginAnew(reason).finally(() => (this.renewal = undefined));
    return this.renewal;
  }

  private async beginAnew(reason: string): Promise<void> {
    this.events.renewing(reason);
    const isQuick = performance.now() - this.renewedAt < SETTLED_MS;
    this.quickRenewals = isQuick ? this.quickRenewals + 1 : 0;
    if (isQuick)
      await delay(Math.min(RENEWAL_MAX_MS, RENEWAL_FIRST_MS * 2 ** Math.min(this.quickRenewals - 1, 10)));
    this.channel.forgetSession();
    this.handshaking = undefined;
    try {
      const { result, error } = await this.handshake(this.handshakeParams);
      if (!result) throw new Unanswered(`initialize was answered with ${shown(error)}`, false);
      this.generation += 1;
      this.renewedAt = performance.now();
      this.events.renewed(result);
    } catch (thrown) {
      this.events.notRenewed((thrown as Error).message);
      throw new Unanswered(`${reason}, and there is no new one: ${(thrown as Error).message}`, false);
    }
  }
}

/** Refusals of `initialize` by a peer that may know only the revision without it. */
function mayBeStateless({ code, data }: Params): boolean {
  const supported: unknown = isObject(data) ? data.supported : undefined;
  if (Array.isArray(supported)) return supported.includes(MODERN_VERSION);
  return code === RPC.unsupportedVersion || code === RPC.methodNotFound || code === RPC.invalidParams;
}

export function shown(error: unknown): string {
  return (JSON.stringify(error) ?? 'nothing').slice(0, 300);
}
