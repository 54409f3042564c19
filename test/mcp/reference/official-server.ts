import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import {
  completable,
  createMcpHandler,
  McpServer,
  parseJSONRPCMessage,
  ResourceTemplate,
  WebStandardStreamableHTTPServerTransport,
  type JSONRPCMessage,
  type Transport,
} from '@modelcontextprotocol/server';
import { type WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';

/** The official SDK's server with the declarations of `our-declarations.ts`. */
function makeServer(): McpServer {
  const server = new McpServer(
    { name: 'reference', title: 'Reference', version: '1' },
    {
      capabilities: {
        logging: {},
        tools: { listChanged: true },
        resources: { listChanged: true },
        prompts: { listChanged: true },
      },
      instructions: 'None',
    },
  );
  const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });
  server.registerTool('echo', { description: 'Echo', inputSchema: z.object({ text: z.string() }) }, (args) =>
    text(args.text),
  );
  server.registerTool(
    'sum',
    {
      title: 'Sum',
      description: 'Adds',
      inputSchema: z.object({ a: z.number(), b: z.number() }),
      outputSchema: z.object({ sum: z.number() }),
      annotations: { readOnlyHint: true },
    },
    ({ a, b }) => ({ ...text(JSON.stringify({ sum: a + b })), structuredContent: { sum: a + b } }),
  );
  server.registerTool('fail', { description: 'Fails' }, () => {
    throw new Error('no luck');
  });
  server.registerTool(
    'wait',
    { description: 'Waits until it is cancelled' },
    ({ mcpReq: { signal } }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(text('stopped')))),
  );
  server.registerPrompt(
    'greet',
    { description: 'Greets', argsSchema: z.object({ who: completable(z.string(), startingWith) }) },
    ({ who }) => ({ messages: [{ role: 'user', content: { type: 'text', text: `Hello ${who}` } }] }),
  );
  server.registerResource('note', 'ref://note', { mimeType: 'text/plain' }, ({ href }) => ({
    contents: [{ uri: href, mimeType: 'text/plain', text: 'a note' }],
  }));
  server.registerResource(
    'item',
    new ResourceTemplate('ref://items/{id}', { list: undefined, complete: { id: startingWith } }),
    { mimeType: 'text/plain' },
    ({ href }, { id }) => ({ contents: [{ uri: href, mimeType: 'text/plain', text: `Item ${String(id)}` }] }),
  );
  return server;
}

function startingWith(typed = ''): string[] {
  return ['anna', 'anton', 'bert'].filter((name) => name.startsWith(typed));
}

/** The reference behind Streamable HTTP of both eras and behind WebSocket, as the SDK itself has none of the latter. */
export class OfficialServer {
  private readonly sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  private readonly modern = createMcpHandler(makeServer, { legacy: 'reject' });
  private readonly server: Server = createServer((request, response) => void this.serve(request, response));
  private readonly sockets = new WebSocketServer({ server: this.server });

  private constructor() {
    this.sockets.on('connection', (socket) => void makeServer().connect(new SocketTransport(socket)));
  }

  static async start(): Promise<OfficialServer> {
    const reference = new OfficialServer();
    reference.server.listen(0, '127.0.0.1');
    await once(reference.server, 'listening');
    return reference;
  }

  get http(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get ws(): string {
    return this.http.replace('http', 'ws');
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets.clients) socket.terminate();
    await Promise.all([...this.sessions.values()].map((transport) => transport.close()));
    this.server.closeAllConnections();
    this.server.close();
  }

  private async serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const headers = Object.entries(incoming.headers).map(([name, value]): [string, string] => [
      name,
      String(value),
    ]);
    const request = new Request(this.http + incoming.url, {
      method: incoming.method!,
      headers,
      ...(incoming.method === 'POST' && { body: await textOf(incoming) }),
    });
    const answer = await this.answer(request, headers);
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    if (answer.body) Readable.fromWeb(answer.body as never).pipe(response);
    else response.end();
  }

  private async answer(request: Request, headers: [string, string][]): Promise<Response> {
    const { 'mcp-session-id': session, 'mcp-protocol-version': version } = Object.fromEntries(headers);
    if (version === '2026-07-28') return this.modern.fetch(request);
    const known = this.sessions.get(session ?? '');
    if (known) return known.handleRequest(request);
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      enableJsonResponse: true,
      onsessioninitialized: (id) => void this.sessions.set(id, transport),
    });
    await makeServer().connect(transport);
    return transport.handleRequest(request);
  }
}

/** One message per text frame; what is no message is reported and dropped, as the SDK's own transports do. */
class SocketTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;

  constructor(private readonly socket: WebSocket) {}

  start(): Promise<void> {
    this.socket.on('message', (data: Buffer) => {
      try {
        this.onmessage?.(parseJSONRPCMessage(JSON.parse(data.toString())));
      } catch (thrown) {
        this.onerror?.(thrown as Error);
      }
    });
    this.socket.on('close', () => this.onclose?.());
    return Promise.resolve();
  }

  send(message: JSONRPCMessage): Promise<void> {
    this.socket.send(JSON.stringify(message));
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.socket.close();
    return Promise.resolve();
  }
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  return text;
}
