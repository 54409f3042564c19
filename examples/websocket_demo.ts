import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { McpWebSocketTransport } from 'opstream';
import { startExample } from './10_websocket_example.js';
import { askExternal } from './11_websocket_client_example.js';

/** Both examples at once: a server, a client of it, and a second server that offers the first one's tools onward. */
export async function demo(say: (line: string) => void): Promise<void> {
  const server = await startExample(0);
  const second = await startExample(0);
  try {
    const url = `ws://127.0.0.1:${portOf(server)}/ws`;
    say(`A server is at ${url}`);

    const [initialized, listed] = await askExternal(url);
    say(`A client initialized: ${JSON.stringify(initialized).slice(0, 120)}…`);
    say(
      `It sees these tools: ${JSON.stringify(listed)
        .match(/"name":"[a-z_]+"/g)
        ?.join(', ')}`,
    );

    const transport = second.get(McpWebSocketTransport);
    const peer = await transport.connectToExternalWebSocket(url, { name: 'first', role: 'client' });
    say(`A second server is connected to the first: ${peer.state}`);
    const call = { name: 'get_item', arguments: { item_id: 5 } };
    const message = { jsonrpc: '2.0', id: 'call', method: 'tools/call', params: call };
    say(`get_item(5) of the first: ${JSON.stringify(await transport.sendToExternalWebSocket(message))}`);

    await transport.shutdown();
    say('All connections are closed');
  } finally {
    await second.close();
    await server.close();
  }
}

function portOf(app: NestFastifyApplication): number {
  return (app.getHttpServer().address() as { port: number }).port;
}

if (import.meta.filename === process.argv[1]) await demo(console.log);
