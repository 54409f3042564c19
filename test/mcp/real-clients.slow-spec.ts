import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InstalledClient, prepare, type ClientEnvironment } from '../harness/installed-client.js';
import { overOneRestart, type Outcome } from '../harness/over-one-restart.js';
import { ServiceProcess } from '../harness/service-process.js';

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

const SDKS = npm('sdks', { '@modelcontextprotocol/sdk': '1.32.2', '@modelcontextprotocol/client': '2.4.0' });
const MCP_REMOTE = npm('mcp-remote', { 'mcp-remote': '0.15.1' });
const SUPERGATEWAY = npm('supergateway', { supergateway: '4.0.0' });
const AI_SDK = npm('ai-sdk', { '@ai-sdk/mcp': '2.0.99' });
const MASTRA = npm('mastra', { '@mastra/mcp': '2.0.0' });
const LANGCHAIN = npm('langchain', { '@langchain/mcp-adapters': '1.1.4', '@langchain/core': '1.4.0' });
const PYTHON_1 = python('python-1', 'mcp[ws]==1.30.0');
const PYTHON_2 = python('python-2', 'mcp==2.3.0');
const PYTHON_LANGCHAIN = python('python-langchain', 'langchain-mcp-adapters==0.3.2', 'mcp[ws]==1.30.0');

let service: ServiceProcess;
const outcomes = new Map<Row, Outcome>();
/** Clients at a time: each is a process or two. */
const SIDE_BY_SIDE = 6;

beforeAll(async () => {
  service = await ServiceProcess.start({
    DEMO: 'true',
    MCP_LEGACY_SSE: 'true',
    STORE: 'sqlite',
  });
  // One after another: package managers keep a core busy each.
  for (const environment of [...ROWS.map((row) => row.environment), MCP_REMOTE, SUPERGATEWAY]) {
    await prepare(environment);
  }
  const start = async ({ environment, script = 'session.mjs', args }: Row, size: number) =>
    InstalledClient.start(environment, script, await args(), { CLIENT_SIZE: String(size) });
  for (let at = 0; at < ROWS.length; at += SIDE_BY_SIDE) {
    const rows = ROWS.slice(at, at + SIDE_BY_SIDE);
    const used = await overOneRestart(service, rows, start, ({ lacks }) => !lacks?.includes('cancels here'));
    for (const [row, outcome] of used) outcomes.set(row, outcome);
  }
}, 600_000);
afterAll(() => service.stop());

const http = () => `${service.url}/mcp`;
const ws = () => `${service.url.replace('http', 'ws')}/mcp`;
const sse = () => `${service.url}/sse`;
/** A bridge from stdio, as desktop applications start one. */
const bridge = async (environment: ClientEnvironment, file: string, ...args: string[]) => {
  const { directory } = await prepare(environment);
  return JSON.stringify([process.execPath, `${directory}node_modules/${file}`, ...args]);
};

interface Row {
  readonly what: string;
  readonly environment: ClientEnvironment;
  readonly script?: 'session.mjs' | 'session.py';
  readonly args: () => readonly string[] | Promise<readonly string[]>;
  /** The same client goes on after a restart of the service; the others' libraries need a new one. */
  readonly goesOn: boolean;
  /** What a library cannot do. */
  readonly lacks?: readonly ('progress' | 'cancel' | 'read' | 'cancels here')[];
}

const ROWS: readonly Row[] = [
  { what: 'JavaScript SDK v1, HTTP', environment: SDKS, args: () => ['sdk-v1', http()], goesOn: false },
  {
    what: 'JavaScript SDK v1, WebSocket',
    environment: SDKS,
    args: () => ['sdk-v1', ws(), 'ws'],
    goesOn: false,
  },
  {
    what: 'JavaScript SDK v1, HTTP with SSE',
    environment: SDKS,
    args: () => ['sdk-v1', sse(), 'sse'],
    goesOn: false,
  },
  { what: 'JavaScript SDK v2, sessions', environment: SDKS, args: () => ['sdk-v2', http()], goesOn: false },
  {
    what: 'JavaScript SDK v2, 2026-07-28',
    environment: SDKS,
    args: () => ['sdk-v2', http(), 'auto'],
    goesOn: true,
  },
  {
    what: 'mcp-remote',
    environment: SDKS,
    args: async () => [
      'sdk-v1',
      await bridge(MCP_REMOTE, 'mcp-remote/dist/proxy.js', http(), '--allow-http'),
      'stdio',
    ],
    goesOn: true,
  },
  {
    what: 'supergateway, Streamable HTTP',
    environment: SDKS,
    args: async () => [
      'sdk-v1',
      await bridge(SUPERGATEWAY, 'supergateway/dist/index.js', '--streamableHttp', http()),
      'stdio',
    ],
    goesOn: false,
    lacks: ['progress', 'cancels here'],
  },
  {
    what: 'supergateway, HTTP with SSE',
    environment: SDKS,
    args: async () => [
      'sdk-v1',
      await bridge(SUPERGATEWAY, 'supergateway/dist/index.js', '--sse', sse()),
      'stdio',
    ],
    goesOn: false,
    lacks: ['progress', 'cancels here'],
  },
  {
    what: '@ai-sdk/mcp',
    environment: AI_SDK,
    args: () => ['ai-sdk', http()],
    goesOn: true,
    lacks: ['progress', 'cancel'],
  },
  {
    what: '@mastra/mcp',
    environment: MASTRA,
    args: () => ['mastra', http()],
    goesOn: true,
    lacks: ['progress', 'cancel'],
  },
  {
    what: '@langchain/mcp-adapters',
    environment: LANGCHAIN,
    args: () => ['langchain', http()],
    goesOn: false,
    lacks: ['progress', 'cancel', 'read'],
  },
  {
    what: 'Python SDK 1.x, HTTP',
    environment: PYTHON_1,
    script: 'session.py',
    args: () => ['v1', http()],
    goesOn: false,
    lacks: ['cancels here'],
  },
  {
    what: 'Python SDK 1.x, WebSocket',
    environment: PYTHON_1,
    script: 'session.py',
    args: () => ['v1-ws', ws()],
    goesOn: false,
    lacks: ['cancels here'],
  },
  {
    what: 'Python SDK 1.x, HTTP with SSE',
    environment: PYTHON_1,
    script: 'session.py',
    args: () => ['v1-sse', sse()],
    goesOn: false,
    lacks: ['cancels here'],
  },
  {
    what: 'Python SDK 2.x, sessions',
    environment: PYTHON_2,
    script: 'session.py',
    args: () => ['v2-legacy', http()],
    goesOn: false,
  },
  {
    what: 'Python SDK 2.x, 2026-07-28',
    environment: PYTHON_2,
    script: 'session.py',
    args: () => ['v2', http()],
    goesOn: true,
  },
  {
    what: 'langchain-mcp-adapters, HTTP',
    environment: PYTHON_LANGCHAIN,
    script: 'session.py',
    args: () => ['langchain', http()],
    goesOn: true,
    lacks: ['progress', 'read'],
  },
  {
    what: 'langchain-mcp-adapters, WebSocket',
    environment: PYTHON_LANGCHAIN,
    script: 'session.py',
    args: () => ['langchain', ws()],
    goesOn: true,
    // Its socket closes, and a session goes on without one.
    lacks: ['progress', 'read', 'cancels here'],
  },
];

describe('Clients that nobody here wrote', () => {
  it.each(ROWS)('$what', (row) => {
    const { goesOn, lacks = [] } = row;
    const outcome = outcomes.get(row)!;
    if ('failed' in outcome) throw outcome.failed;
    const { before: said, after } = outcome;
    expect(said.listed).toEqual(expect.arrayContaining(['create_operation', 'watch_operation', 'get_item']));
    expect(said.item).toContain('Item 7');
    expect(said.created).toContain('"operation_type":"real"');
    if (!lacks.includes('progress')) {
      const progress = said.progress as number[];
      expect(progress.length).toBeGreaterThanOrEqual(12);
      expect(progress).toEqual([...progress].sort((a, b) => a - b));
    }
    if (!lacks.includes('read')) expect(said.read).toContain('"operation_type":"real"');
    if (!lacks.includes('cancel')) expect(said.cancelled).toBe('cancelled');
    expect(after).toMatchObject({ same: goesOn, again: expect.stringContaining('Item 8') });
  });
});
