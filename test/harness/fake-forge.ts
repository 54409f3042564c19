import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface FakeAnswer {
  readonly status?: number;
  readonly contentType?: string;
  /** Sent as it is when a string, as JSON otherwise. */
  readonly body?: unknown;
}

type Route = (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>;
type Upgrade = (request: FakeRequest) => FakeAnswer | 'accept' | 'stall';

export interface FakeSocket {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly socket: WebSocket;
}

const NOT_FOUND: FakeAnswer = { status: 404, body: '' };
/** Forge's answer to unknown paths. */
export const WEB_PAGE: FakeAnswer = { contentType: 'text/html; charset=utf-8', body: '<!DOCTYPE html>' };

export const envelope = (data: unknown): FakeAnswer => ({
  body: { success: true, data, error_data: null, message: null },
});

/**
 * A protocol fake of Forge: an HTTP server whose answers and upgrades a test scripts, frame by frame, in either
 * flavour, misbehaving where the test wants it to. What it knows no route for is 404.
 */
export class FakeForge {
  /** A real Forge refuses an upgrade over a connection that it leaves open. */
  keepRefusedConnections = false;
  readonly requests: FakeRequest[] = [];
  /** Every upgrade that was asked for, accepted or not. */
  readonly upgrades: FakeRequest[] = [];
  readonly sockets: FakeSocket[] = [];
  private readonly routes: { method: string; path: RegExp; answer: Route }[] = [];
  private readonly streams: { path: RegExp; answer: Upgrade; greet?: (socket: WebSocket) => void }[] = [];
  private readonly upgraded = new Set<Duplex>();
  private server: Server | undefined;
  private readonly wss = new WebSocketServer({ noServer: true });
  private port = 0;

  /** Listens; after a `stop` on the same port again. */
  async start(): Promise<this> {
    const server = createServer((request, response) => void this.answer(request, response));
    server.on('upgrade', (request, raw, head) => this.upgrade(request, raw, head));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get openSockets(): number {
    return this.wss.clients.size;
  }

  /** The open sockets of a stream. */
  open(path: RegExp): FakeSocket[] {
    return this.sockets.filter((one) => path.test(one.path) && one.socket.readyState === 1);
  }

  /** Later routes win. */
  route(method: string, path: RegExp, answer: FakeAnswer | Route): this {
    this.routes.unshift({ method, path, answer: typeof answer === 'function' ? answer : () => answer });
    return this;
  }

  /** Later streams win. @param greet sends what every new socket gets */
  stream(
    path: RegExp,
    answer: Upgrade | FakeAnswer = () => 'accept',
    greet?: (socket: WebSocket) => void,
  ): this {
    this.streams.unshift({
      path,
      answer: typeof answer === 'function' ? answer : () => answer,
      ...(greet && { greet }),
    });
    return this;
  }

  /** Sends to every open socket of a stream: strings as they are, anything else as JSON. */
  send(path: RegExp, ...frames: readonly unknown[]): void {
    for (const { socket } of this.open(path)) {
      for (const frame of frames) socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
    }
  }

  /** Cuts the sockets of a stream without a close frame, as Forge does when it ends. */
  drop(path = /./): void {
    for (const { socket } of this.open(path)) socket.terminate();
  }

  /** Cuts every HTTP connection, also those whose answer is still due. */
  dropConnections(): void {
    this.server?.closeAllConnections();
  }

  async stop(): Promise<void> {
    for (const client of this.wss.clients) client.terminate();
    for (const raw of this.upgraded) raw.destroy();
    this.server?.closeAllConnections();
    await new Promise((resolve) =>
      this.server?.listening ? this.server.close(resolve) : resolve(undefined),
    );
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const seen = toFakeRequest(request, body);
    this.requests.push(seen);
    const route = this.routes.find(({ method, path }) => method === seen.method && path.test(seen.path));
    const answer = route ? await route.answer(seen) : NOT_FOUND;
    const text = textOf(answer);
    response.writeHead(answer.status ?? 200, {
      ...(text !== '' && { 'content-type': contentTypeOf(answer) }),
    });
    response.end(text);
  }

  private upgrade(request: IncomingMessage, raw: Duplex, head: Buffer): void {
    const seen = toFakeRequest(request, '');
    this.upgrades.push(seen);
    raw.on('error', () => {});
    this.upgraded.add(raw);
    raw.once('close', () => this.upgraded.delete(raw));
    const stream = this.streams.find(({ path }) => path.test(seen.path + seen.url.search));
    const answer = stream ? stream.answer(seen) : NOT_FOUND;
    if (answer === 'stall') return;
    if (answer === 'accept') {
      this.wss.handleUpgrade(request, raw, head, (socket) => {
        this.sockets.push({ path: seen.path, headers: seen.headers, socket });
        stream?.greet?.(socket);
      });
      return;
    }
    const text = textOf(answer);
    const kept = this.keepRefusedConnections;
    raw.write(
      `HTTP/1.1 ${answer.status ?? 200} Answer\r\nContent-Type: ${contentTypeOf(answer)}\r\n` +
        `Content-Length: ${Buffer.byteLength(text)}\r\nConnection: ${kept ? 'keep-alive' : 'close'}\r\n\r\n${text}`,
    );
    if (!kept) raw.end();
  }
}

function toFakeRequest(request: IncomingMessage, body: string): FakeRequest {
  const url = new URL(request.url ?? '/', 'http://forge');
  return { method: request.method ?? '', path: url.pathname, url, headers: request.headers, body };
}

function textOf({ body }: FakeAnswer): string {
  return typeof body === 'string' ? body : JSON.stringify(body ?? null);
}

function contentTypeOf({ contentType, body }: FakeAnswer): string {
  return contentType ?? (typeof body === 'string' ? 'text/plain' : 'application/json');
}
