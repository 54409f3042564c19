import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Message {
  readonly id?: number | string | null;
  readonly method?: string;
  readonly params?: Record<string, unknown> & {
    readonly name?: string;
    readonly arguments?: Record<string, unknown>;
    readonly _meta?: Record<string, unknown>;
  };
  readonly result?: unknown;
  readonly error?: unknown;
}

export interface Exchange {
  readonly message: Message;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Answers with JSON. */
  readonly json: (value: unknown, status?: number, headers?: Record<string, string>) => void;
  /** Answers with an event stream; each call of the function sends one message on it. */
  readonly stream: () => (value: unknown) => void;
}

export interface Script {
  readonly tools?: readonly object[];
  /** What else `initialize` answers with. */
  readonly capabilities?: object;
  /** Serves `tools/call`. */
  readonly call?: (exchange: Exchange) => void;
  /** Serves anything else before the ordinary server does; true: it did. */
  readonly first?: (exchange: Exchange) => boolean;
}

export function text(id: unknown, content: string): object {
  return { jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: content }] } };
}

/** A peer over Streamable HTTP, with sessions, that behaves as its script says. */
export class ScriptedPeer {
  readonly seen: (Message & { readonly verb: string })[] = [];
  readonly sessions = new Set<string>();
  /** Response streams that are open for anything the peer says of its own accord. */
  readonly standing = new Set<ServerResponse>();
  handshakes = 0;
  gets = 0;
  private readonly server: Server;

  private constructor(private readonly script: Script) {
    this.server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () =>
        this.serve(body === '' ? {} : (JSON.parse(body) as Message), request, response),
      );
    });
  }

  static async start(script: Script): Promise<ScriptedPeer> {
    const peer = new ScriptedPeer(script);
    peer.server.listen(0, '127.0.0.1');
    await once(peer.server, 'listening');
    return peer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/mcp`;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Forgets all sessions, as a quick restart does. */
  forget(): void {
    for (const stream of this.standing) stream.end();
    this.standing.clear();
    this.sessions.clear();
  }

  /** Takes no new connections; those that serve a request stay. */
  stopListening(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeIdleConnections();
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  private serve(message: Message, request: IncomingMessage, response: ServerResponse): void {
    this.seen.push({ ...message, verb: request.method ?? '' });
    const { id, method } = message;
    const json: Exchange['json'] = (value, status = 200, headers = {}) =>
      void response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(value));
    const exchange: Exchange = {
      message,
      request,
      response,
      json,
      stream: () => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
        return (value) => response.write(`data: ${JSON.stringify(value)}\n\n`);
      },
    };
    if (method === 'initialize') this.handshakes += 1;
    if (request.method === 'GET') this.gets += 1;
    if (this.script.first?.(exchange)) return;
    const result = (value: object): void => json({ jsonrpc: '2.0', id, result: value });
    if (method === 'initialize') return this.open(json, id);
    const session = request.headers['mcp-session-id'];
    if (typeof session !== 'string' || !this.sessions.has(session)) {
      return json({ jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } }, 404);
    }
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      this.standing.add(response);
      return;
    }
    if (id === undefined || method === undefined) return void response.writeHead(202).end();
    if (method === 'tools/list') return result({ tools: this.script.tools ?? [] });
    if (method === 'tools/call' && this.script.call) return this.script.call(exchange);
    result({});
  }

  private open(json: Exchange['json'], id: unknown): void {
    const session = `s${this.handshakes}-${Math.random()}`;
    this.sessions.add(session);
    const { capabilities = { tools: { listChanged: true } } } = this.script;
    const serverInfo = { name: 'scripted', version: '1' };
    const result = { protocolVersion: '2025-06-18', capabilities, serverInfo };
    json({ jsonrpc: '2.0', id, result }, 200, { 'mcp-session-id': session });
  }
}
