import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { McpWebSocketTransport, OpstreamModule } from 'opstream';

/** Connects to another MCP endpoint, initializes, lists its tools, and disconnects. */
export async function askExternal(url: string): Promise<readonly unknown[]> {
  const app = await NestFactory.createApplicationContext(OpstreamModule.forRoot({ store: 'memory' }), {
    logger: ['warn', 'error'],
  });
  const transport = app.get(McpWebSocketTransport);
  try {
    await transport.connectToExternalWebSocket(url, { role: 'client' });
    const initialized = await transport.sendToExternalWebSocket({
      jsonrpc: '2.0',
      id: '1',
      method: 'initialize',
      params: {},
    });
    const listed = await transport.sendToExternalWebSocket({ jsonrpc: '2.0', id: '2', method: 'tools/list' });
    return [initialized, listed];
  } finally {
    await transport.shutdown();
    await app.close();
  }
}

if (import.meta.filename === process.argv[1]) {
  const url = process.argv[2] ?? process.env.EXTERNAL_WS_URL ?? 'ws://127.0.0.1:8000/ws';
  for (const response of await askExternal(url)) console.log('Response:', JSON.stringify(response, null, 2));
}
