import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { importFrom, node22Program } from '../harness/cached-packages.js';
import { RunningService } from '../harness/running-service.js';
import { ProbeToolsModule } from './probe-tools.js';

/** What these tests use of the official clients; their own types come with packages that are installed on first use. */
interface SdkClient {
  connect(transport: unknown): Promise<void>;
  listTools(): Promise<{ tools: { name: string }[] }>;
  callTool(
    params: object,
    ...rest: unknown[]
  ): Promise<{ content: { text: string }[]; structuredContent?: unknown; isError?: boolean }>;
  readResource(params: { uri: string }): Promise<{ contents: { text: string }[] }>;
  setNotificationHandler(schema: unknown, ...handler: unknown[]): void;
  fallbackNotificationHandler?: (notification: {
    method: string;
    params: { content: { text: string }[] };
  }) => Promise<void>;
  close(): Promise<void>;
}
type ClientClass = new (info: object, options?: object) => SdkClient;
type TransportClass = new (url: URL, options?: object) => { sessionId?: string };

let service: RunningService;

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory', LOG_LEVEL: 'silent' }, [ProbeToolsModule]);
});
afterAll(() => service.stop());

const info = { name: 'sdk', version: '1' };

async function useEverything(client: SdkClient, onprogress: (options: object) => unknown[]): Promise<void> {
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo');
  const echoed = await client.callTool({ name: 'echo', arguments: { text: 'hello' } });
  expect(echoed.content[0]!.text).toBe('hello');
  expect(await client.callTool({ name: 'sum', arguments: { a: 1, b: 2 } })).toMatchObject({
    structuredContent: { sum: 3 },
  });
  expect(await client.callTool({ name: 'user_error' })).toMatchObject({ isError: true });
  const progress: number[] = [];
  const flooded = await client.callTool(
    { name: 'flood', arguments: { count: 50 } },
    ...onprogress({ onprogress: (report: { progress: number }) => progress.push(report.progress) }),
  );
  expect(flooded.content[0]!.text).toBe('flooded');
  // None of them shares a chunk with the result, where the official client would drop it.
  expect(progress).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  const created = await client.callTool({ name: 'create_operation', arguments: { operation_type: 'sdk' } });
  const { operation } = created.structuredContent as { operation: { operation_id: string } };
  const read = await client.readResource({ uri: `operation://${operation.operation_id}` });
  expect(JSON.parse(read.contents[0]!.text)).toMatchObject({ operation_type: 'sdk' });
}

describe('Official clients', () => {
  it('SDK v1 over Streamable HTTP', async () => {
    const { Client } = await importFrom<{ Client: ClientClass }>(
      'sdk-clients',
      '@modelcontextprotocol/sdk/client/index.js',
    );
    const { StreamableHTTPClientTransport } = await importFrom<{
      StreamableHTTPClientTransport: TransportClass;
    }>('sdk-clients', '@modelcontextprotocol/sdk/client/streamableHttp.js');
    const client = new Client(info);
    await client.connect(new StreamableHTTPClientTransport(new URL(`${service.http}/mcp`)));
    await useEverything(client, (options) => [undefined, options]);
    await client.close();
  });

  it('S3-V13: SDK v1 over WebSocket, with its subprotocol', async () => {
    // Node 20 has no WebSocket of its own, which this client wants.
    (globalThis as { WebSocket?: unknown }).WebSocket ??= WebSocket;
    const { Client } = await importFrom<{ Client: ClientClass }>(
      'sdk-clients',
      '@modelcontextprotocol/sdk/client/index.js',
    );
    const { WebSocketClientTransport } = await importFrom<{ WebSocketClientTransport: TransportClass }>(
      'sdk-clients',
      '@modelcontextprotocol/sdk/client/websocket.js',
    );
    const client = new Client(info);
    await client.connect(new WebSocketClientTransport(new URL(`${service.ws}/mcp`)));
    await useEverything(client, (options) => [undefined, options]);
    await client.close();
  });

  it.each([
    ['with sessions', undefined],
    ['of 2026-07-28', { versionNegotiation: { mode: 'auto' } }],
  ])('SDK v2 over Streamable HTTP, %s', async (_era, options) => {
    const { Client, StreamableHTTPClientTransport } = await importFrom<{
      Client: ClientClass;
      StreamableHTTPClientTransport: TransportClass;
    }>('sdk-clients', '@modelcontextprotocol/client');
    const client = new Client(info, options);
    const transport = new StreamableHTTPClientTransport(new URL(`${service.http}/mcp`));
    await client.connect(transport);
    expect(transport.sessionId === undefined).toBe(options !== undefined);
    await useEverything(client, (request) => [request]);
    await client.close();
  });

  it("a client that handles fast-mcp's streamContent sees content while the tool runs", async () => {
    const { Client } = await importFrom<{ Client: ClientClass }>(
      'sdk-clients',
      '@modelcontextprotocol/sdk/client/index.js',
    );
    const { StreamableHTTPClientTransport } = await importFrom<{
      StreamableHTTPClientTransport: TransportClass;
    }>('sdk-clients', '@modelcontextprotocol/sdk/client/streamableHttp.js');
    const client = new Client(info);
    const streamed: string[] = [];
    client.fallbackNotificationHandler = async ({ method, params }) => {
      if (method === 'notifications/tool/streamContent') streamed.push(params.content[0]!.text);
    };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${service.http}/mcp`)));
    const result = await client.callTool({ name: 'streams_only' });
    expect(streamed).toEqual(['a', 'b', 'c']);
    expect(result.content.map(({ text }) => text)).toEqual(streamed);
    await client.close();
  });

  it('the Inspector on the command line', async () => {
    const inspector = await node22Program(
      'inspector',
      '@modelcontextprotocol/inspector/clients/launcher/build/index.js',
    );
    const target = ['--cli', `${service.http}/mcp`, '--transport', 'http'];
    const listed = await inspector([...target, '--method', 'tools/list']);
    expect(listed.code, listed.output).toBe(0);
    expect(listed.output).toContain('"echo"');
    const called = await inspector([
      ...target,
      '--method',
      'tools/call',
      '--tool-name',
      'echo',
      '--tool-arg',
      'text=hi',
    ]);
    expect(called.output).toContain('"hi"');
  });
});
