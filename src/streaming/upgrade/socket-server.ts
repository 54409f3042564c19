import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type PerMessageDeflateOptions, WebSocketServer } from 'ws';
import { echoedSubprotocol } from '../../auth/credentials.js';
import type { Principal } from '../../auth/principal.js';

const SUBPROTOCOL = 'opstream';

/** Marks a gateway of Opstream's own; all others belong to the host application. */
const IS_PROTOCOL = Symbol('opstream protocol');

/** Options of `@WebSocketGateway` for a protocol of Opstream's own. */
export const protocolOn = (path: string) => ({ path, [IS_PROTOCOL]: true }) as { readonly path: string };

export const isProtocol = (options: object): boolean => IS_PROTOCOL in options;

/** Admission rules of a path. */
export interface Admission {
  /** Never admit a caller without a token. */
  readonly tokenRequired?: boolean;
  /** Body of the two refusals for a missing or invalid token, where existing clients expect a certain text. */
  readonly unauthorizedBody?: (detail: string) => string;
  /**
   * Reserves a slot before the upgrade is answered; the returned function releases it when the raw socket closes.
   * @throws OpstreamError the refusal, e.g. `too_many_connections`
   */
  readonly reserve?: (principal: Principal, address: string) => () => void;
}

/** What a protocol sets in `afterInit`: decorator options are static, but these come from configuration. */
export interface SocketOptions {
  /** Overrides the gateway's own path, where configuration decides. */
  readonly path?: string;
  /** Additional paths of the same protocol; `:name` matches one segment. */
  readonly aliases?: readonly string[];
  /** Bytes of one message; above it the connection closes with 1009. */
  readonly maxPayload: number;
  readonly perMessageDeflate?: PerMessageDeflateOptions | false;
  /** Chooses a subprotocol from those offered; by default `opstream`, or the one that carries the token. */
  readonly chooseProtocol?: (offered: ReadonlySet<string>) => string | false;
  readonly admission?: Admission;
}

/**
 * The socket server of one protocol, as Nest's gateway machinery sees it: emits `connection` with the socket and the
 * upgrade request. It does not listen itself; the upgrade router hands it sockets.
 */
export class SocketServer extends EventEmitter {
  private server: WebSocketServer | undefined;
  private settings: SocketOptions = { maxPayload: 1024 * 1024 };

  /** @param upgrade handles upgrade requests of further servers, for any path of this application */
  constructor(
    readonly path: string,
    readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
  ) {
    super();
  }

  configure(settings: SocketOptions): void {
    this.settings = settings;
    this.server = new WebSocketServer({
      noServer: true,
      clientTracking: true,
      maxPayload: settings.maxPayload,
      perMessageDeflate: settings.perMessageDeflate ?? false,
      handleProtocols: settings.chooseProtocol ?? ((offered) => echoedSubprotocol(offered, SUBPROTOCOL)),
    });
  }

  get paths(): readonly string[] {
    return [this.settings.path ?? this.path, ...(this.settings.aliases ?? [])];
  }

  get admission(): Admission {
    return this.settings.admission ?? {};
  }

  /** @throws Error when the gateway has not configured it */
  get sockets(): WebSocketServer {
    if (this.server === undefined) throw new Error(`The protocol on ${this.path} has not been configured`);
    return this.server;
  }

  /** Reports a server failure that no connection can report. */
  fail(error: unknown): void {
    // Without a listener, Node would throw it.
    if (this.sockets.listenerCount('error') > 0) this.sockets.emit('error', error);
  }

  /** Window bits that this protocol compresses with; offers of a smaller window are declined. */
  get windowBits(): number {
    const { perMessageDeflate } = this.settings;
    return (perMessageDeflate && perMessageDeflate.serverMaxWindowBits) || 15;
  }

  close(): void {
    this.server?.close();
  }

  get clients(): ReadonlySet<import('ws').WebSocket> {
    return this.server?.clients ?? new Set();
  }
}
