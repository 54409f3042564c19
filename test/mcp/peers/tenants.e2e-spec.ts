import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../harness/eventually.js';
import { McpClient, type RpcAnswer } from '../../harness/mcp-client.js';
import { RunningService } from '../../harness/running-service.js';
import { ScriptedPeer, text } from '../../harness/scripted-peer.js';
import { SECRET, sign } from '../../harness/tokens.js';

/** Who sees and may call the tools of peers and documents. */

let service: RunningService;
let remote: ScriptedPeer;
let folder: string;
const clients: McpClient[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'opstream-tenants-'));
  remote = await ScriptedPeer.start({
    tools: [
      { name: 'look', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } },
      { name: 'change', inputSchema: { type: 'object' } },
    ],
    call: ({ json, message }) => json(text(message.id, 'done')),
  });
  const file = join(folder, 'api.json');
  const paths = { '/x': { get: { operationId: 'read_x' }, delete: { operationId: 'drop_x' } } };
  await writeFile(file, JSON.stringify({ openapi: '3.1.0', info: { title: 't', version: '1' }, paths }));
  const url = remote.url;
  service = await RunningService.start({
    STORE: 'memory',
    JWT_SECRET: SECRET,
    MCP_PEERS: JSON.stringify([
      { name: 'all', url },
      { name: 'one', url, tenants: ['acme'] },
      { name: 'admin', url, scope: 'admin' },
    ]),
    MCP_OPENAPI: JSON.stringify([
      { document: file, base_url: 'http://127.0.0.1:9' },
      { document: file, base_url: 'http://127.0.0.1:9', prefix: 'acme_', tenants: ['acme'] },
    ]),
  });
  await eventually('all is offered', async () => {
    const names = await toolsOf({ tenant: 'acme' });
    return ['all_look', 'one_look', 'admin_look', 'read_x', 'acme_read_x'].every((name) =>
      names.includes(name),
    );
  });
});
afterAll(async () => {
  for (const client of clients) client.terminate();
  await service.stop();
  await remote.stop();
  await rm(folder, { recursive: true, force: true });
});

async function connect(claims: object): Promise<McpClient> {
  const client = await McpClient.connect(`${service.ws}/mcp?token=${await sign({ sub: 'u', ...claims })}`);
  clients.push(client);
  await client.initialize();
  return client;
}

async function toolsOf(claims: object): Promise<readonly string[]> {
  return (await (await connect(claims)).result('tools/list')).tools.map(({ name }) => name);
}

function outcome({ result, error }: RpcAnswer): string {
  return error ? error.message : (result.content[0]?.text ?? '');
}

describe('tools of peers and documents', () => {
  it('a tool for some tenants is unknown to all others', async () => {
    const names = await toolsOf({ tenant: 'other' });
    expect(names).toEqual(expect.arrayContaining(['all_look', 'read_x']));
    expect(names.filter((name) => /^(one|acme)_/.test(name))).toEqual([]);
    const client = await connect({ tenant: 'other' });
    for (const name of ['one_look', 'acme_read_x', 'no_such_tool']) {
      expect(outcome(await client.request('tools/call', { name }))).toBe(`Unknown tool: ${name}`);
    }
    const own = await connect({ tenant: 'acme' });
    expect(outcome(await own.request('tools/call', { name: 'one_look' }))).toBe('done');
  });

  it.each([
    ['all_look', 'done'],
    ['all_change', 'Tool all_change needs the scope operations:write'],
    ['admin_look', 'Tool admin_look needs the scope admin'],
    ['drop_x', 'Tool drop_x needs the scope operations:write'],
  ])('with a token that may only read, %s is answered %s', async (name, expected) => {
    const reader = await connect({ scope: 'mcp operations:read' });
    expect(outcome(await reader.request('tools/call', { name }))).toBe(expected);
  });

  it('a token without operations:read reads nothing either', async () => {
    const nobody = await connect({ scope: 'mcp' });
    for (const name of ['all_look', 'read_x']) {
      expect(outcome(await nobody.request('tools/call', { name }))).toMatch(
        /needs the scope operations:read/,
      );
    }
  });

  it('a scope that does not exist stops the start', async () => {
    const wrong: Record<string, string>[] = [
      { MCP_PEERS: JSON.stringify([{ name: 'p', url: remote.url, scope: 'fly' }]) },
      { MCP_PEERS: JSON.stringify([{ name: 'p', url: remote.url, scopes: ['fly'] }]) },
      { MCP_OPENAPI: JSON.stringify([{ document: './x.json', scope: 'fly' }]) },
    ];
    for (const settings of wrong) {
      await expect(RunningService.start({ STORE: 'memory', ...settings })).rejects.toThrow(
        /do(es)? not exist: fly/,
      );
    }
  });
});
