import { Emitter } from '../emitter.js';
import { CLIENT_ERROR, OpstreamClientError } from '../errors.js';
import { isObject, parseJson } from '../json.js';
import { PendingCommands, type Frame } from './pending-commands.js';
import { reconnectPolicy, type ReconnectPolicy, type ReconnectPreset } from '../reconnect-policy.js';
import { refusalOf } from '../connection-refusal.js';
import { resolveToken, ServiceAddress, type TokenSource } from '../service-address.js';
import { SilenceWatch } from './silence-watch.js';
import {
  closeSocket,
  openSocket,
  runsInNode,
  SOCKET_CLOSING,
  socketFactory,
  type Socket,
  type SocketConstructor,
  type SocketFactory,
} from '../socket.js';
import { CLOSE_CODES } from '../protocol/close-codes.js';
import type { HubCommandName, HubCommandOf } from '../protocol/hub-commands.js';
import type { HubAnswers } from '../protocol/hub-messages.js';

export interface HubConnectionOptions {
  /** The service's address; `http://127.0.0.1:8765` by default. */
  readonly url?: string;
  readonly token?: TokenSource;
  /** A WebSocket class to use instead of the environment's. */
  readonly webSocket?: SocketConstructor;
  /** `spread` by default: forever, with full jitter up to 20 s. */
  readonly reconnect?: ReconnectPreset | ReconnectPolicy;
  /** How long an answer may take, and how long opening a connection. 30,000 by default. */
  readonly timeoutMs?: number;
  /** Commands that may wait for a connection or an answer. 10,000 by default. */
  readonly maxPending?: number;
  /** After this long without a frame the service is asked for one, after twice as long given up. 30,000 by default. */
  readonly idleMs?: number;
}

export interface HubConnectionEvents {
  /** The service has greeted: also after every reconnect. */
  connected: [];
  disconnected: [{ code: number; reason: string }];
  /** `delay` in milliseconds. */
  reconnecting: [{ attempt: number; delay: number }];
  /** A frame that answers no command. */
  frame: [Frame];
  /** For good: closed, refused, or given up. */
  ended: [OpstreamClientError];
}

type State = 'idle' | 'opening' | 'open' | 'waiting' | 'ended';

/** Browsers do not tell a page why it could not connect. */
const REFUSED_PAGE = "; or it refuses this page's origin, which ALLOWED_ORIGINS has to name";

/**
 * One WebSocket to the operations hub that comes back after a loss, and the commands that wait for answers on it.
 * It knows nothing of subscriptions: their owners subscribe again on `connected`.
 */
export class HubConnection extends Emitter<HubConnectionEvents> {
  readonly address: ServiceAddress;
  readonly #open: SocketFactory;
  readonly #token: TokenSource | undefined;
  readonly #policy: ReconnectPolicy;
  readonly #pending: PendingCommands;
  readonly #timeoutMs: number;
  #state: State = 'idle';
  #socket: Socket | undefined;
  /** Tells the events of the current try from those of a socket that was given up. */
  #generation = 0;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastReason = '';
  readonly #silence: SilenceWatch;

  /** @throws TypeError for an address that is no URL */
  constructor(options: HubConnectionOptions = {}) {
    super();
    this.address = new ServiceAddress(options.url);
    this.#open = options.webSocket ? socketFactory(options.webSocket) : openSocket;
    this.#token = options.token;
    this.#policy = reconnectPolicy(options.reconnect ?? 'spread');
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#silence = new SilenceWatch(options.idleMs ?? 30_000, {
      ask: () => this.#socket?.send('{"command":"ping"}'),
      giveUp: () => this.#lost(this.#generation, CLOSE_CODES.abnormal.code, 'The service fell silent'),
    });
    this.#pending = new PendingCommands(options.maxPending ?? 10_000, this.#timeoutMs);
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get hasEnded(): boolean {
    return this.#state === 'ended';
  }

  /** Commands that wait for a connection or an answer. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Begins connecting, and keeps trying by the policy; does nothing when that is under way. */
  start(): void {
    if (this.#state === 'idle') this.#try();
  }

  /**
   * Connects; a failure of this first try ends the connection instead of being repeated.
   * @throws OpstreamClientError `unreachable`, `unauthorized`, `forbidden`, `closed`
   */
  connect(): Promise<void> {
    if (this.isOpen) return Promise.resolve();
    if (this.hasEnded) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      const settle = (error?: OpstreamClientError): void => {
        this.off('connected', onConnected).off('reconnecting', onFailure).off('ended', settle);
        if (error) reject(error);
        else resolve();
      };
      const onConnected = (): void => settle();
      const onFailure = (): void => this.#end(this.#unreachable());
      this.on('connected', onConnected).on('reconnecting', onFailure).on('ended', settle);
      this.start();
    });
  }

  /**
   * Sends a command and waits for its answer, through reconnects when `resend` is not false.
   * @throws OpstreamClientError with the service's code, or `timeout`, `queue_full`, `connection_lost`, `closed`
   */
  request<Name extends HubCommandName>(
    command: { command: Name } & HubCommandOf<Name>,
    options: { resend?: boolean; signal?: AbortSignal } = {},
  ): Promise<HubAnswers[Name]> {
    if (this.hasEnded) return Promise.reject(closedError());
    this.start();
    const send = this.isOpen ? (frame: string) => this.#socket?.send(frame) : undefined;
    const answer: Promise<unknown> = this.#pending.add(command, options.resend ?? true, send, options.signal);
    // The service answers a command with its own answer, or with an error, which rejects.
    return answer as Promise<HubAnswers[Name]>;
  }

  /** Lets go of the socket without ending: `start` opens a new one. */
  suspend(): void {
    if (this.hasEnded) return;
    this.#dropSocket(CLOSE_CODES.normal.code, 'Paused');
    this.#pending.connectionLost();
    this.#state = 'idle';
  }

  close(): void {
    this.#end(closedError());
  }

  #try(): void {
    this.#state = 'opening';
    const generation = ++this.#generation;
    this.#timer = setTimeout(
      () => this.#lost(generation, CLOSE_CODES.abnormal.code, 'The service did not greet in time'),
      this.#timeoutMs,
    );
    this.#connectSocket(generation).catch((error: unknown) =>
      this.#lost(
        generation,
        CLOSE_CODES.abnormal.code,
        error instanceof Error ? error.message : String(error),
      ),
    );
  }

  async #connectSocket(generation: number): Promise<void> {
    const token = await resolveToken(this.#token);
    const socket = await this.#open(this.address.webSocket('hub').href, { token });
    if (generation !== this.#generation) {
      closeSocket(socket);
      return;
    }
    this.#socket = socket;
    let failure: string | undefined;
    socket.addEventListener('error', (event) => (failure = event.message));
    socket.addEventListener('close', (event) =>
      this.#lost(generation, event.code, event.reason || failure || ''),
    );
    socket.addEventListener('message', (event) => {
      if (generation === this.#generation) this.#receive(event.data);
    });
  }

  #receive(data: unknown): void {
    this.#silence.heard();
    const frame = typeof data === 'string' ? parseJson(data) : undefined;
    if (!isObject(frame)) return;
    if (this.#state === 'opening') {
      if (frame.event_type === 'connected') this.#greeted();
      return;
    }
    if (!this.#pending.answer(frame)) this.emit('frame', frame);
  }

  #greeted(): void {
    clearTimeout(this.#timer);
    this.#failures = 0;
    this.#state = 'open';
    this.#silence.start();
    // First what waited, then what the listeners send: commands keep the order in which they were given.
    this.#pending.sendAll((frame) => this.#socket?.send(frame));
    this.emit('connected');
  }

  #lost(generation: number, code: number, reason: string): void {
    if (generation !== this.#generation || this.hasEnded) return;
    const wasOpen = this.isOpen;
    this.#dropSocket(code, reason);
    this.#pending.connectionLost();
    // A token source may give a better token next time.
    const fatal = refusalOf(code, reason, this.address.displayUrl, typeof this.#token === 'function');
    if (wasOpen) this.emit('disconnected', { code, reason });
    if (fatal) return this.#end(fatal);
    this.#lastReason = reason;
    if (this.#failures >= this.#policy.maxAttempts) return this.#end(this.#unreachable());
    const attempt = ++this.#failures;
    const delay = this.#policy.delay(attempt, Math.random());
    this.#state = 'waiting';
    this.#timer = setTimeout(() => this.#try(), delay);
    this.emit('reconnecting', { attempt, delay });
  }

  #unreachable(): OpstreamClientError {
    const because = this.#lastReason ? `: ${this.#lastReason}` : '';
    return new OpstreamClientError(
      CLIENT_ERROR.unreachable,
      `Cannot reach ${this.address.displayUrl}${because}${runsInNode() ? '' : REFUSED_PAGE}`,
    );
  }

  #dropSocket(code: number, reason: string): void {
    this.#generation++;
    clearTimeout(this.#timer);
    this.#silence.stop();
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket || socket.readyState >= SOCKET_CLOSING) return;
    // 1006 cannot be sent: a socket that fell silent is closed without a code.
    if (code === CLOSE_CODES.normal.code) closeSocket(socket, code, reason);
    else closeSocket(socket);
  }

  #end(error: OpstreamClientError): void {
    if (this.hasEnded) return;
    this.#dropSocket(1000, 'Client closed connection');
    this.#state = 'ended';
    this.#pending.rejectAll(error);
    this.emit('ended', error);
  }
}

function closedError(): OpstreamClientError {
  return new OpstreamClientError(CLIENT_ERROR.closed, 'The client was closed');
}
