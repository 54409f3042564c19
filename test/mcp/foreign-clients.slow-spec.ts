import { copyFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  InstalledClient,
  isGoInstalled,
  prepare,
  type ClientEnvironment,
} from '../harness/installed-client.js';
import { overOneRestart, type Outcome } from '../harness/over-one-restart.js';
import { ServiceProcess } from '../harness/service-process.js';
import { SECRET, sign } from '../harness/tokens.js';

/**
 * Clients of other languages and frameworks, with a token in every place where it may stand. All of them run side by
 * side, and the service is restarted once while they are connected.
 */

const npm = (name: string, packages: Readonly<Record<string, string>>): ClientEnvironment => ({
  kind: 'npm',
  name: `client-${name}`,
  packages,
});
const python = (name: string, ...packages: string[]): ClientEnvironment => ({
  kind: 'python',
  name: `client-${name}`,
  packages,
});

const GO: ClientEnvironment = { kind: 'go', name: 'go' };
const JAVA: ClientEnvironment = { kind: 'java', name: 'client-java', folder: 'java' };
const SDKS = npm('sdks', { '@modelcontextprotocol/sdk': '1.32.2', '@modelcontextprotocol/client': '2.4.0' });
const OPENAI_AGENTS = npm('openai-agents', { '@openai/agents': '0.20.0', zod: '4.6.7' });
const MCP_USE = npm('mcp-use', { 'mcp-use': '1.34.6' });
const MCP_PROXY = npm('mcp-proxy', { 'mcp-proxy': '6.7.19' });
const PYTHON_MCP_PROXY = python('python-mcp-proxy', 'mcp-proxy==0.13.0', 'mcp==1.30.0');
const MCPADAPT = python('mcpadapt', 'mcpadapt==0.1.19', 'mcp[ws]==1.30.0');

interface Row {
  readonly what: string;
  readonly environment: ClientEnvironment;
  readonly script: string;
  /** @param url with the token where `token` is undefined */
  readonly args: (url: string, token?: string) => readonly string[] | Promise<readonly string[]>;
  /** The same client goes on after a restart of the service; the others' libraries need a new one. */
  readonly goesOn: boolean;
  /** What a library cannot do. */
  readonly lacks?: readonly ('progress' | 'cancel' | 'read' | 'updates' | 'cancels here')[];
}

/** A bridge from stdio to HTTP, behind the official client. */
const bridged = (command: readonly string[]) => ['sdk-v1', JSON.stringify(command), 'stdio'] as const;

const ROWS: readonly Row[] = [
  { what: 'go-sdk, 2026-07-28', environment: GO, script: 'go-sdk', args: (url) => [url], goesOn: true },
  {
    what: 'go-sdk, sessions',
    environment: GO,
    script: 'go-sdk',
    args: (url) => [url, '2025-11-25'],
    goesOn: false,
  },
  { what: 'mcp-go, 2026-07-28', environment: GO, script: 'mcp-go', args: (url) => [url], goesOn: true },
  {
    what: 'mcp-go, sessions',
    environment: GO,
    script: 'mcp-go',
    args: (url) => [url, 'legacy'],
    goesOn: false,
    lacks: ['cancels here'],
  },
  {
    what: 'Java SDK',
    environment: JAVA,
    script: 'Session.java',
    args: (url) => [url],
    goesOn: false,
    // It gives a call up without telling the server.
    lacks: ['cancels here'],
  },
  {
    what: '@openai/agents',
    environment: OPENAI_AGENTS,
    script: 'session.mjs',
    args: (url) => ['openai-agents', url],
    goesOn: true,
    lacks: ['progress', 'updates'],
  },
  {
    what: 'mcp-use',
    environment: MCP_USE,
    script: 'session.mjs',
    args: (url) => ['mcp-use', url],
    goesOn: false,
  },
  {
    what: 'mcp-proxy of JavaScript',
    environment: SDKS,
    script: 'session.mjs',
    args: async (url, token) => {
      const { directory } = await prepare(MCP_PROXY);
      const bridge = await scriptIn(directory);
      return bridged([process.execPath, bridge, url, ...(token === undefined ? [] : [token])]);
    },
    goesOn: false,
  },
  {
    what: 'mcp-proxy of Python',
    environment: SDKS,
    script: 'session.mjs',
    args: async (url, token) => {
      const { directory } = await prepare(PYTHON_MCP_PROXY);
      const header = token === undefined ? [] : ['-H', 'Authorization', `Bearer ${token}`];
      return bridged([`${directory}venv/bin/mcp-proxy`, '--transport', 'streamablehttp', ...header, url]);
    },
    goesOn: false,
    // The bridge keeps notifications to itself.
    lacks: ['cancels here', 'updates'],
  },
  {
    what: 'mcpadapt',
    environment: MCPADAPT,
    script: 'session.py',
    args: (url) => ['adapt', url],
    goesOn: false,
    lacks: ['progress', 'read', 'updates', 'cancels here'],
  },
];

/** Every tool of a service with `DEMO`, in an order in which each finds what it needs; `$ID` is the caller's own. */
const TOOLS: readonly (readonly [string, object])[] = [
  ['get_item', { item_id: 1 }],
  ['generateText', { prompt: 'two words' }],
  ['processData', { datasetSize: 2 }],
  ['create_operation', { operation_type: 'called', operation_id: '$ID' }],
  ['list_operations', { limit: 5 }],
  ['get_operation', { operation_id: '$ID' }],
  ['get_history', { id: '$ID' }],
  ['cancel_operation', { operation_id: '$ID' }],
  ['watch_operation', { operation_id: '$ID' }],
  ['delete_operation', { id: '$ID' }],
  ['create_session', { purpose: 'called' }],
  ['get_session', { session_id: '$ID' }],
  ['add_message', { session_id: '$ID', content: 'hello' }],
  ['get_messages', { session_id: '$ID' }],
  ['search_context', { session_id: '$ID', query: 'hello' }],
  ['search_by_sender', { session_id: '$ID', sender: 'ada' }],
  [
    'search_by_timerange',
    { session_id: '$ID', start_time: '2026-01-01T00:00:00Z', end_time: '2027-01-01T00:00:00Z' },
  ],
  ['set_memory', { key: '$ID', value: 1 }],
  ['get_memory', { key: '$ID' }],
  ['list_memory', { prefix: '$ID' }],
  ['authenticate_agent', { agent_id: 'ada', agent_type: 'claude' }],
  ['refresh_token', { current_token: 'sct_00000000-0000-0000-0000-000000000000' }],
  ['get_usage_guidance', {}],
  ['get_performance_metrics', {}],
];
const ALL_OK = Object.fromEntries(TOOLS.map(([name]) => [name, 'ok']));

async function scriptIn(directory: string): Promise<string> {
  await copyFile(new URL('clients/bridge.mjs', import.meta.url), `${directory}bridge.mjs`);
  return `${directory}bridge.mjs`;
}

const rows = ROWS.filter(({ environment: { kind } }) => kind !== 'go' || isGoInstalled);

let service: ServiceProcess;
let outcomes: Map<Row, Outcome>;

beforeAll(async () => {
  service = await ServiceProcess.start({
    DEMO: 'true',
    STORE: 'sqlite',
    JWT_SECRET: SECRET,
    MCP_AUTH_REQUIRED: 'true',
  });
  const token = await sign({ sub: 'ada' });
  const url = `${service.url}/mcp`;
  // One after another: package managers keep a core busy each.
  for (const { environment } of rows) await prepare(environment);
  const start = async (row: Row, size: number): Promise<InstalledClient> => {
    const inQuery = await row.args(`${url}?token=${token}`);
    return InstalledClient.start(row.environment, row.script, await row.args(url, token), {
      CLIENT_TOKEN: token,
      // Where the library stands before the address, the address comes second.
      CLIENT_QUERY_URL: inQuery.find((word) => word.includes('token='))!,
      CLIENT_SIZE: String(size),
      CLIENT_TOOLS: JSON.stringify(TOOLS),
    });
  };
  outcomes = await overOneRestart(service, rows, start, ({ lacks }) => !lacks?.includes('cancels here'));
}, 600_000);
afterAll(() => service.stop());

describe('Clients of other languages and frameworks, side by side', () => {
  it.each(rows)('$what', (row) => {
    const { lacks = [] } = row;
    const outcome = outcomes.get(row)!;
    if ('failed' in outcome) throw outcome.failed;
    const { before, after } = outcome;
    expect([...(before.listed as string[])].sort()).toEqual(TOOLS.map(([name]) => name).sort());
    expect(before.item).toContain('Item 7');
    expect(before.created).toContain('"operation_type":"real"');
    if (!lacks.includes('progress')) {
      const progress = before.progress as number[];
      expect(progress.length).toBeGreaterThanOrEqual(12);
      expect(progress).toEqual([...progress].sort((a, b) => a - b));
    }
    if (!lacks.includes('read')) expect(before.read).toContain('"operation_type":"real"');
    if (!lacks.includes('updates')) expect(before.updated).toBe(true);
    if (!lacks.includes('cancel')) expect(before.cancelled).toBe('cancelled');
    expect(before.called).toEqual({ header: ALL_OK, query: ALL_OK });
    expect(after).toMatchObject({ same: row.goesOn, again: expect.stringContaining('Item 8') });
  });
});
