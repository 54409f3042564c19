import { afterEach, describe, expect, it } from 'vitest';
import { defineTool } from '../../src/mcp/tools/tool-definition.js';
import { ToolRegistry } from '../../src/mcp/tools/tool-registry.js';
import { eventually } from '../harness/eventually.js';
import { McpClient } from '../harness/mcp-client.js';
import { McpHttpClient } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';
import { ProbeTools, ProbeToolsModule } from './probe-tools.js';

const opened: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.stop();
});

async function start(settings: Record<string, string> = {}): Promise<RunningService> {
  const service = await RunningService.start({ STORE: 'memory', ...settings }, [ProbeToolsModule]);
  opened.push(service);
  return service;
}

/** A metric as `/metrics` shows it now; 0 where it does not. @param name with its labels */
async function metric({ rest }: RunningService, name: string): Promise<number> {
  const { text } = await rest.get('/metrics');
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length));
}

function request(era: string, method: string, outcome: string): string {
  return `opstream_mcp_request_duration_seconds_count{era="${era}",method="${method}",outcome="${outcome}"}`;
}

const tool = (name: string, outcome: string): string =>
  `opstream_mcp_tool_calls_total{tool="${name}",outcome="${outcome}"}`;

describe('The metrics of MCP', () => {
  it('count requests by era, method and outcome; names that clients invent are no labels', async () => {
    const service = await start();
    const client = new McpHttpClient(`${service.http}/mcp`);
    await client.initialize();
    await client.request('tools/list');
    await client.modern('tools/list');
    await client.modern('tools/list');
    await client.request('secret/method');
    await client.request('prompts/get', { name: 'nobody' });
    await client.post('{');
    expect(await metric(service, request('legacy', 'initialize', 'result'))).toBe(1);
    expect(await metric(service, request('legacy', 'tools/list', 'result'))).toBe(1);
    expect(await metric(service, request('modern', 'tools/list', 'result'))).toBe(2);
    expect(await metric(service, request('legacy', 'unknown', 'error'))).toBe(1);
    expect(await metric(service, request('legacy', 'prompts/get', 'error'))).toBe(1);
    expect(await metric(service, 'opstream_mcp_malformed_messages_total')).toBe(1);
    expect((await service.rest.get('/metrics')).text).not.toContain('secret/method');
  });

  it('count tool calls by tool and outcome, and requests that were given up', async () => {
    const service = await start();
    const client = await McpClient.connect(`${service.ws}/mcp`);
    await client.initialize();
    await client.call('echo', { text: 'x' });
    await client.call('user_error');
    client.send({ jsonrpc: '2.0', id: 'gate', method: 'tools/call', params: { name: 'gate' } });
    await eventually('the call runs', () => service.get(ProbeTools).waiting);
    client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'gate' } });
    await eventually(
      'the call is counted',
      async () => (await metric(service, tool('gate', 'cancelled'))) === 1,
    );
    expect(await metric(service, tool('echo', 'result'))).toBe(1);
    expect(await metric(service, tool('user_error', 'tool_error'))).toBe(1);
    expect(await metric(service, request('legacy', 'tools/call', 'cancelled'))).toBe(1);
    client.terminate();
  });

  it('give the first 200 tools a label each, and one to all others', async () => {
    const service = await start();
    const names = Array.from({ length: 203 }, (_, n) => `tool_${n}`);
    service
      .get(ToolRegistry)
      .add(
        ...names.map((name) =>
          defineTool({ scope: null, name, description: name, record: false }, () => name),
        ),
      );
    const client = await McpClient.connect(`${service.ws}/mcp`);
    await client.initialize();
    for (const name of names) await client.call(name);
    expect(await metric(service, tool('tool_199', 'result'))).toBe(1);
    expect(await metric(service, tool('tool_200', 'result'))).toBe(0);
    expect(await metric(service, tool('other', 'result'))).toBe(3);
    client.terminate();
  });

  it('show sessions by transport and revision, open streams, and what is kept for a replay', async () => {
    const service = await start();
    const sessions = (transport: string, version: string): Promise<number> =>
      metric(service, `opstream_mcp_sessions{transport="${transport}",version="${version}"}`);
    const http = new McpHttpClient(`${service.http}/mcp`);
    await http.initialize('2025-06-18');
    const socket = await McpClient.connect(`${service.ws}/mcp`);
    await socket.initialize();
    expect(await sessions('http', '2025-06-18')).toBe(1);
    expect(await sessions('websocket', '2025-11-25')).toBe(1);
    expect(await metric(service, 'opstream_mcp_replay_characters')).toBe(0);
    const reading = new AbortController();
    await http.get({}, reading.signal);
    expect(await metric(service, 'opstream_mcp_response_streams')).toBe(1);
    reading.abort();
    const closed = async (): Promise<boolean> =>
      (await metric(service, 'opstream_mcp_response_streams')) === 0;
    await eventually('the stream is closed', closed);
    await http.call('streams_only', {}, { _meta: { progressToken: 'p' } });
    expect(await metric(service, 'opstream_mcp_replay_characters')).toBeGreaterThan(100);
    await eventually('the stream is closed', closed);
    socket.terminate();
  });

  it('show peers by state, connections made, and requests that wait for an answer', async () => {
    const far = await RunningService.start({ STORE: 'memory' }, [ProbeToolsModule]);
    const peer = { name: 'far', url: `${far.ws}/mcp`, role: 'client' };
    const service = await start({ MCP_PEERS: JSON.stringify([peer]), MCP_PEER_RETRY_MAX_MS: '100' });
    const peers = (state: string): Promise<number> => metric(service, `opstream_mcp_peers{state="${state}"}`);
    const client = await McpClient.connect(`${service.ws}/mcp`);
    await client.initialize();
    const tools = async (): Promise<readonly { name: string }[]> => (await client.result('tools/list')).tools;
    await eventually('its tools are offered', async () =>
      (await tools()).some(({ name }) => name === 'far_gate'),
    );
    expect(await peers('connected')).toBe(1);
    expect(await metric(service, 'opstream_mcp_peer_connections_total')).toBe(1);
    const call = client.request('tools/call', { name: 'far_gate', arguments: {} });
    await eventually('the far tool runs', () => far.get(ProbeTools).waiting);
    expect(await metric(service, 'opstream_mcp_peer_requests_in_flight')).toBe(1);
    await far.stop();
    await call;
    expect(await metric(service, 'opstream_mcp_peer_requests_in_flight')).toBe(0);
    await eventually('it is away', async () => (await peers('connected')) === 0);
    const back = await RunningService.start({ STORE: 'memory', PORT: String(far.port) });
    opened.push(back);
    await eventually('it is back', async () => (await peers('connected')) === 1);
    expect(await metric(service, 'opstream_mcp_peer_connections_total')).toBe(2);
    client.terminate();
  });

  it('S4-70: tasks_count counts what is stored by state', async () => {
    const service = await start();
    const client = await McpClient.connect(`${service.ws}/mcp`);
    await client.initialize();
    await client.call('echo', { text: 'x' });
    await client.call('user_error');
    await service.rest.open();
    const tasks = (status: string): Promise<number> => metric(service, `tasks_count{status="${status}"}`);
    expect(await Promise.all(['running', 'completed', 'error', 'cancelled'].map(tasks))).toEqual([
      1, 1, 1, 0,
    ]);
    client.terminate();
  });
});
