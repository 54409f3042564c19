import { afterAll, beforeAll, expect, it } from 'vitest';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { startExample } from '../../examples/10_websocket_example.js';
import { askExternal } from '../../examples/11_websocket_client_example.js';
import { demo } from '../../examples/websocket_demo.js';
import { McpClient } from '../harness/mcp-client.js';

let app: NestFastifyApplication;
let url: string;
beforeAll(async () => {
  app = await startExample(0);
  url = `ws://127.0.0.1:${(app.getHttpServer().address() as { port: number }).port}/ws`;
});
afterAll(() => app.close());

it('S3-05 S3-22 S3-25: 10_websocket_example serves its endpoint as a tool on /ws', async () => {
  const client = await McpClient.connect(url);
  await client.initialize();
  expect(await client.call('get_item', { item_id: 5 })).toMatchObject({
    structuredContent: { item_id: 5, name: 'Item 5' },
  });
  client.terminate();
});

it('S3-20 S3-21 S3-24 S3-25: 11_websocket_client_example gets its responses', async () => {
  expect(await askExternal(url)).toMatchObject([
    { jsonrpc: '2.0', id: '1', result: { serverInfo: { name: 'opstream' } } },
    { jsonrpc: '2.0', id: '2', result: { tools: expect.any(Array) as unknown } },
  ]);
});

it('S3-25: the demo script runs to its end', async () => {
  const lines: string[] = [];
  await demo((line) => lines.push(line));
  expect(lines.join('\n')).toMatch(/"name":"get_item"[\s\S]*Item 5[\s\S]*All connections are closed/);
});
