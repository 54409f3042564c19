import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HubClient } from '../harness/hub-client.js';
import { fillStore, isToolCall } from '../harness/large-store.js';
import { McpClient } from '../harness/mcp-client.js';
import { ServiceProcess } from '../harness/service-process.js';

const SMALL = 1000;
const LARGE = Number(process.env.GROWTH_OPERATIONS ?? 200_000);
const ROUNDS = 40;
/** What an answer may cost in the large store, times what it costs in the small one. */
const MAX_RATIO = 3;
/** What looks through a bounded number of operations, which is more than the small store has. */
const WINDOWED = /[?&](?:q=|sort=updated)/;
const MAX_WINDOWED_RATIO = 6;
/** Below this many milliseconds a difference is one of the scheduler. */
const NOISE_MS = 0.5;

/** A service with a filled store, and the connections that the cases use. */
interface Side {
  readonly count: number;
  readonly dataDir: string;
  readonly service: ServiceProcess;
  readonly hub: HubClient;
  readonly mcp: McpClient;
  /** Makes ids that are not used twice. */
  next: number;
}

type Case = readonly [name: string, run: (side: Side) => Promise<unknown>];

const root = mkdtempSync(join(tmpdir(), 'opstream-growth-'));
let small: Side;
let large: Side;

async function open(count: number): Promise<Side> {
  const dataDir = join(root, String(count));
  // At its limit every new operation makes room for itself, and nothing is trimmed at the start.
  const calls = Array.from({ length: count }, (_, n) => n).filter(isToolCall).length;
  const limits = { MAX_OPERATIONS: String(count - calls), MAX_TOOL_OPERATIONS: String(calls) };
  const service = await ServiceProcess.start({ DATA_DIR: dataDir, ...limits, OPERATION_MAX_AGE: '10000000' });
  const ws = service.url.replace('http', 'ws');
  const hub = await HubClient.connect(`${ws}/hub`);
  const mcp = await McpClient.connect(`${ws}/mcp`);
  await mcp.initialize();
  return { count, dataDir, service, hub, mcp, next: 0 };
}

beforeAll(async () => {
  const began = performance.now();
  for (const count of [SMALL, LARGE]) await fillStore(join(root, String(count)), count);
  console.log(`growth: ${LARGE} operations in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  small = await open(SMALL);
  large = await open(LARGE);
}, 1_200_000);
afterAll(async () => {
  for (const side of [small, large]) {
    side.hub.terminate();
    side.mcp.terminate();
    await side.service.stop();
  }
  rmSync(root, { recursive: true });
});

async function get({ service }: Side, path: string): Promise<string> {
  const response = await fetch(service.url + path);
  const text = await response.text();
  if (response.status >= 500) throw new Error(`${path}: ${response.status} ${text.slice(0, 200)}`);
  return text;
}

/** The first event of an event stream, which says where it begins. */
async function beginStream({ service }: Side, path: string, headers = {}): Promise<void> {
  const aborter = new AbortController();
  const response = await fetch(service.url + path, { headers, signal: aborter.signal });
  const reader = response.body!.getReader();
  await reader.read();
  aborter.abort();
}

async function fresh(side: Side): Promise<string> {
  const id = `new-${side.next++}`;
  const answer = await side.hub.request({
    command: 'create_operation',
    operation_type: 'type-1',
    operation_id: id,
  });
  if (answer.status !== 'created') throw new Error(JSON.stringify(answer));
  return id;
}

/** The numbers of operations in the middle and near the end of what is stored. */
const middle = ({ count }: Side) => `op-${Math.floor(count / 2 / 50) * 50}`;
const ended = ({ count }: Side, back: number) => `op-${count - 1 - back * 50 - 10}`;

/** Values of query parameters that mean something here; others are made of their schemas. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  status: ['running', 'active', 'completed', 'error', 'cancelled', 'indexing', 'unusual', 'unknown'],
  type: ['type-1', 'mcp.tool/search', 'rare', 'unknown'],
  limit: ['1', '100'],
  cursor: ['500'],
  after_seq: ['0', '1', '99'],
  // What is followed does not end.
  follow: ['false'],
};

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema?: { readonly type?: string; readonly enum?: readonly string[]; readonly minimum?: number };
}

function valuesOf({ name, schema = {} }: Parameter): readonly string[] {
  if (VALUES[name]) return VALUES[name];
  if (schema.enum) return schema.enum;
  if (schema.type === 'boolean') return ['true', 'false'];
  return [schema.type === 'integer' || schema.type === 'number' ? String(schema.minimum ?? 1) : 'x'];
}

/** Every GET that the service describes, alone and with each value of each of its parameters. */
async function describedReads(): Promise<Case[]> {
  const { paths } = JSON.parse(await get(small, '/api-json')) as {
    paths: Record<string, Record<string, { parameters?: Parameter[] }>>;
  };
  const cases: Case[] = [];
  for (const [path, { get: operation }] of Object.entries(paths)) {
    if (!operation || /stream/.test(path)) continue;
    const queries = (operation.parameters ?? [])
      .filter((parameter) => parameter.in === 'query')
      .flatMap((parameter) => valuesOf(parameter).map((value) => `?${parameter.name}=${value}`));
    for (const query of ['', ...queries]) {
      cases.push([
        `GET ${path}${query}`,
        (side) => get(side, path.replace('{id}', middle(side)).replaceAll(/\{\w+\}/g, 'x') + query),
      ]);
    }
  }
  return cases;
}

const COMBINED: readonly Case[] = [
  ['GET list, status and type', (side) => get(side, '/api/operations?status=completed&type=rare')],
  ['GET list, own status and type', (side) => get(side, '/api/operations?status=indexing&type=type-1')],
  [
    'GET list, active and tool calls',
    (side) => get(side, '/api/operations?status=active&type=mcp.tool/search'),
  ],
  ['GET list from the middle', (side) => get(side, `/api/operations?cursor=${Math.floor(side.count / 2)}`)],
  ['GET one that is unknown', (side) => get(side, '/api/operations/nobody')],
  ['GET one that has ended', (side) => get(side, `/api/operations/${ended(side, 1)}`)],
  ['GET the oldest', (side) => get(side, '/api/operations/op-0')],
  ['GET /metrics', (side) => get(side, '/metrics')],
  ['SSE of all, from now on', (side) => beginStream(side, '/api/stream')],
  [
    'SSE of all, from the end',
    (side) => beginStream(side, '/api/stream', { 'last-event-id': String(side.count * 2) }),
  ],
  ['SSE of one', (side) => beginStream(side, `/api/operations/${middle(side)}/stream`)],
  ['hub get_operation', (side) => side.hub.request({ command: 'get_operation', operation_id: middle(side) })],
  ['hub list_operations', (side) => side.hub.request({ command: 'list_operations', status: 'active' })],
  [
    'hub get_history',
    (side) => side.hub.request({ command: 'get_history', operation_id: middle(side), after_seq: 0 }),
  ],
  ['hub get_stats', (side) => side.hub.request({ command: 'get_stats' })],
  [
    'hub subscribe and unsubscribe',
    async (side) => {
      await side.hub.request({ command: 'subscribe', operation_id: middle(side) });
      await side.hub.request({ command: 'unsubscribe', operation_id: middle(side) });
    },
  ],
  [
    'hub subscribe_all and unsubscribe_all',
    async (side) => {
      await side.hub.request({ command: 'subscribe_all' });
      await side.hub.request({ command: 'unsubscribe_all' });
    },
  ],
  ['hub create_operation, where another makes room', fresh],
  [
    'hub emit, to one that was not used since the start',
    (side) =>
      side.hub.request({
        command: 'emit',
        operation_id: `op-${side.count - 50 - 50 * (side.next++ % Math.floor(SMALL / 50 - 2))}`,
        event_type: 'log',
        data: { message: 'm' },
      }),
  ],
  [
    'the end of an operation, and its removal',
    async (side) => {
      const id = await fresh(side);
      await side.hub.request({ command: 'cancel_operation', operation_id: id });
      const { status } = await fetch(`${side.service.url}/api/operations/${id}`, { method: 'DELETE' });
      if (status !== 204) throw new Error(String(status));
    },
  ],
  [
    'a refused removal',
    async (side) => fetch(`${side.service.url}/api/operations/${middle(side)}`, { method: 'DELETE' }),
  ],
  ['MCP get_operation', (side) => side.mcp.call('get_operation', { operation_id: middle(side) })],
  ['MCP list_operations', (side) => side.mcp.call('list_operations', { status: 'completed' })],
  ['MCP tools/list', (side) => side.mcp.result('tools/list')],
  ['MCP resources/list', (side) => side.mcp.request('resources/list')],
  ['MCP tasks/list', (side) => side.mcp.request('tasks/list')],
  [
    'MCP resources/read',
    (side) => side.mcp.request('resources/read', { uri: `operation://${middle(side)}` }),
  ],
];

/** Milliseconds of a typical run on each side, the sides in turn, so that a busy moment hits both. */
async function measure([, run]: Case): Promise<{ readonly few: number; readonly many: number }> {
  const took: Record<'few' | 'many', number[]> = { few: [], many: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [key, side] of [
      ['few', small],
      ['many', large],
    ] as const) {
      const began = performance.now();
      await run(side);
      took[key].push(performance.now() - began);
    }
  }
  // The first runs load code and pages; of the rest the lower quarter is what the work costs.
  const typical = (times: number[]) =>
    times.slice(5).toSorted((a, b) => a - b)[Math.floor((ROUNDS - 5) / 4)]!;
  return { few: typical(took.few), many: typical(took.many) };
}

describe(`cost with ${SMALL} and with ${LARGE} operations`, () => {
  it(`of every read, command and subscription: ratio below ${MAX_RATIO} (I11-2)`, async () => {
    const cases = [...(await describedReads()), ...COMBINED];
    expect(cases.length).toBeGreaterThan(50);
    const grown: string[] = [];
    const lines: string[] = [];
    for (const each of cases) {
      const { few, many } = await measure(each);
      const line = `${(many / few).toFixed(2).padStart(6)}  ${few.toFixed(2)} → ${many.toFixed(2)} ms  ${each[0]}`;
      lines.push(line);
      const most = WINDOWED.test(each[0]) ? MAX_WINDOWED_RATIO : MAX_RATIO;
      if (many > most * few && many - few > NOISE_MS) grown.push(line);
    }
    console.log(lines.toSorted().toReversed().slice(0, 12).join('\n'));
    expect(grown).toEqual([]);
  });
});
