import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { completable, McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { WebSocketServer, type WebSocket } from 'ws';
import { z } from 'zod';

type Transport = NonNullable<NonNullable<Parameters<typeof serveStdio>[1]>['transport']>;

/** The official server, a message per text frame, offering some of what the conformance fixture offers. */
export class ReferenceServer {
  private constructor(private readonly sockets: WebSocketServer) {}

  static async start(): Promise<ReferenceServer> {
    const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    sockets.on('connection', (socket) =>
      serveStdio(createServer, { transport: new SocketTransport(socket) }),
    );
    await once(sockets, 'listening');
    return new ReferenceServer(sockets);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.sockets.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    for (const socket of this.sockets.clients) socket.terminate();
    return new Promise((resolve) => this.sockets.close(() => resolve()));
  }
}

class SocketTransport implements Transport {
  onmessage: Transport['onmessage'];
  onclose: Transport['onclose'];
  onerror: Transport['onerror'];

  constructor(private readonly socket: WebSocket) {}

  start(): Promise<void> {
    this.socket.on('message', (data: Buffer) => {
      try {
        this.onmessage?.(JSON.parse(data.toString()) as Parameters<NonNullable<Transport['onmessage']>>[0]);
      } catch (error) {
        this.onerror?.(error as Error);
      }
    });
    this.socket.on('close', () => this.onclose?.());
    return Promise.resolve();
  }

  send(message: unknown): Promise<void> {
    this.socket.send(JSON.stringify(message));
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.socket.close();
    return Promise.resolve();
  }
}

function createServer(): McpServer {
  const server = new McpServer(
    { name: 'reference', version: '1' },
    { capabilities: { logging: {}, resources: { subscribe: true, listChanged: true } } },
  );
  const text = (content: string) => ({ content: [{ type: 'text' as const, text: content }] });
  server.registerTool('test_simple_text', { description: 'Text' }, () =>
    text('This is a simple text response for testing.'),
  );
  server.registerTool('test_error_handling', { description: 'Fails' }, () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  const arithmetic = { a: z.number(), b: z.number() };
  server.registerTool(
    'sum',
    {
      description: 'Adds',
      inputSchema: z.object(arithmetic),
      outputSchema: z.object({ sum: z.number() }),
    },
    ({ a, b }) => ({ ...text(JSON.stringify({ sum: a + b })), structuredContent: { sum: a + b } }),
  );
  server.registerResource('Static text', 'test://static-text', { mimeType: 'text/plain' }, ({ href }) => ({
    contents: [
      { uri: href, mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
    ],
  }));
  server.registerResource(
    'Template',
    new ResourceTemplate('test://template/{id}/data', { list: undefined }),
    { mimeType: 'application/json' },
    ({ href }, { id }) => ({
      contents: [
        {
          uri: href,
          mimeType: 'application/json',
          text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${String(id)}` }),
        },
      ],
    }),
  );
  const message = (content: string) => ({
    messages: [{ role: 'user' as const, content: { type: 'text' as const, text: content } }],
  });
  server.registerPrompt('test_simple_prompt', { description: 'A simple prompt' }, () =>
    message('This is a simple prompt for testing.'),
  );
  const words = ['test', 'testing', 'paris', 'party'];
  server.registerPrompt(
    'test_prompt_with_arguments',
    {
      description: 'A prompt with arguments',
      argsSchema: z.object({
        arg1: completable(z.string().describe('First test argument'), (typed) =>
          words.filter((word) => word.startsWith(typed)),
        ),
        arg2: z.string().describe('Second test argument'),
      }),
    },
    ({ arg1, arg2 }) => message(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`),
  );
  return server;
}
