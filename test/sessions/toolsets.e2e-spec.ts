import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { McpClient, type Json } from '../harness/mcp-client.js';
import { RunningService } from '../harness/running-service.js';

const SESSIONS = ['add_message', 'search_context'];
const MEMORY = ['get_memory', 'set_memory'];
const OPERATIONS = ['watch_operation'];

describe('tool sets', () => {
  let service: RunningService;
  let narrow: RunningService;
  beforeAll(async () => {
    service = await RunningService.start();
    narrow = await RunningService.start({ MCP_TOOLSETS: 'sessions, memory' });
  });
  afterAll(() => Promise.all([service.stop(), narrow.stop()]));

  const names = async (of: RunningService, query = '', headers: Record<string, string> = {}) => {
    const client = await McpClient.connect(`${of.ws}/mcp${query}`, { headers });
    await client.initialize();
    const { tools } = await client.result('tools/list');
    return { client, tools, names: tools.map(({ name }) => name) };
  };

  it('everything is offered by default', async () => {
    expect((await names(service)).names).toEqual(
      expect.arrayContaining([...SESSIONS, ...MEMORY, ...OPERATIONS]),
    );
  });

  it.each([
    ['?toolsets=memory', {}],
    ['', { 'x-mcp-toolsets': 'memory' }],
    ['?toolsets=memory,sessions', { 'X-MCP-Toolsets': 'memory,operations' }],
  ])(
    'a connection chooses by its address and by a header, each narrowing the other: %s %j',
    async (query, headers) => {
      const { names: offered, client } = await names(service, query, headers);
      expect(offered).toEqual(expect.arrayContaining(MEMORY));
      for (const other of [...SESSIONS, ...OPERATIONS]) expect(offered).not.toContain(other);
      const { error } = await client.request('tools/call', {
        name: 'create_session',
        arguments: { purpose: 'p' },
      });
      expect(error).toMatchObject({ message: 'Unknown tool: create_session' });
    },
  );

  it.each([
    ['?read_only=true', {}],
    ['', { 'x-mcp-readonly': 'true' }],
  ])('read-only connections are offered what only reads: %s %j', async (query, headers) => {
    const { tools } = await names(service, query, headers);
    expect(tools.length).toBeGreaterThan(5);
    for (const { annotations } of tools) expect(annotations as Json).toMatchObject({ readOnlyHint: true });
  });

  it('a connection never widens what the service offers', async () => {
    const { names: offered } = await names(narrow);
    expect(offered).toEqual(expect.arrayContaining([...SESSIONS, ...MEMORY]));
    expect(offered).not.toContain('watch_operation');
    for (const query of ['?toolsets=all', '?toolsets=operations', '?toolsets=operations,sessions'])
      expect((await names(narrow, query)).names).not.toContain('watch_operation');
  });

  it('holds over HTTP, for each request', async () => {
    const request = (query: string) =>
      service.rest.request('POST', `/mcp${query}`, {
        headers: {
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/list',
        },
        body: {
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/list',
          params: {
            _meta: {
              'io.modelcontextprotocol/protocolVersion': '2026-07-28',
              'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' },
              'io.modelcontextprotocol/clientCapabilities': {},
            },
          },
        },
      });
    const { text } = await request('?toolsets=memory');
    expect(text).toContain('set_memory');
    expect(text).not.toContain('add_message');
    expect((await request('')).text).toContain('add_message');
  });
});
