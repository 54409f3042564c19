// npm run bench:store [-- --quick] [--sizes 10000,100000,1000000]
//
// What reading costs as the store grows: the same store built at several sizes, five events an operation, and every
// kind of read measured on it, in this process without network; then the service is started on the same file.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine } from './harness/machine.mjs';
import { BENCH } from './harness/preparation.mjs';
import { figure, save, table } from './harness/report.mjs';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, sizes: { type: 'string' } },
});
const quick = options.quick === true;
const sizes = (options.sizes ?? (quick ? '2000,10000' : '10000,100000,1000000')).split(',').map(Number);
const ROUNDS = quick ? 10 : 50;
const BATCH = 500;
const TENANT = 'default';
const UNLIMITED = {
  maxOperations: Number.MAX_SAFE_INTEGER,
  maxToolOperations: Number.MAX_SAFE_INTEGER,
  maxEventsPerOperation: Number.MAX_SAFE_INTEGER,
  maxAge: 0,
};

const load = (path) => import(join(BENCH, '../dist', path));
const { SqliteOperationStore } = await load('operations/adapters/sqlite-operation-store.js');
const { openDatabase } = await load('platform/sqlite/sqlite-database.js');
const { parseDraft } = await load('operations/operation-draft.js');

const began = 1_700_000_000;

/** One in a thousand runs, one in twenty fails; types, users and parents as a busy team has them. */
function commandsOf(n) {
  const at = began + n / 10;
  const operationId = `op-${n}`;
  const operation = {
    tenant: TENANT,
    operationId,
    operationType: n % 3 === 0 ? `mcp.tool/tool-${n % 12}` : `job-${n % 7}`,
    metadata: { request: `Request number ${n}`, branch: `feature/${n % 400}` },
    ...(n % 2 === 0 && { createdBy: `user-${n % 40}` }),
    ...(n % 5 !== 0 && { parentOperationId: `op-${n - (n % 5)}` }),
  };
  const end =
    n % 1000 === 0
      ? parseDraft('log', { message: 'still running' })
      : n % 20 === 0
        ? parseDraft('error', { error: 'It failed', error_type: 'Failure' })
        : parseDraft('result', { result: { rows: n } });
  const drafts = [
    parseDraft('progress', { progress: 0.5, message: `Half of ${n}` }),
    parseDraft('log', { level: n % 50 === 0 ? 'error' : 'info', message: `A line of operation ${n}` }),
  ];
  return [
    { kind: 'open', operation, at },
    { kind: 'record', tenant: TENANT, operationId, drafts, at: at + 1 },
    { kind: 'record', tenant: TENANT, operationId, drafts: [end], at: at + 2 + (n % 100) },
  ];
}

const open = (folder) =>
  new SqliteOperationStore(openDatabase(join(folder, 'opstream.db'), 'normal'), UNLIMITED);

async function build(folder, size) {
  const store = open(folder);
  for (let from = 0; from < size; from += BATCH) {
    const commands = [];
    for (let n = from; n < Math.min(size, from + BATCH); n++) commands.push(...commandsOf(n));
    await store.append(commands);
  }
  await store.close();
}

/** The cursor of a page in the middle of a listing. */
function middle(order, size) {
  const number = Math.floor(size / 2);
  if (order === 'updated') return `u${began + number / 10 + 50}-${number}`;
  return order === 'duration' ? `d50-${number}` : String(number);
}

function reads(size) {
  const half = began + size / 20;
  const list = (query) => (store) => store.list(TENANT, { limit: 50, ...query });
  const count = (filter) => (store) => store.countMatching(TENANT, filter);
  return {
    'get an ended operation': (store, n) =>
      store.get({ tenant: TENANT, operationId: `op-${(n * 7919) % size}` }),
    'a page of a log': (store, n) =>
      store.readOperation({ tenant: TENANT, operationId: `op-${(n * 7919) % size}` }, 0, {
        limit: 100,
        maxBytes: 1e6,
      }),
    'list, first page': list({}),
    'list, middle page': list({ cursor: middle('started', size) }),
    'by status': list({ status: 'error' }),
    'by type': list({ type: 'job-3' }),
    'by prefix of the type': list({ typePrefix: 'mcp.tool/' }),
    'by parent': list({ parentOperationId: `op-${Math.floor(size / 10) * 5}` }),
    'by creator': list({ createdBy: 'user-4' }),
    'with errors': list({ hasErrors: true }),
    'from a time on': list({ startedAfter: half }),
    'before a time': list({ startedBefore: half }),
    'by duration of 90 s and more': list({ minDuration: 90 }),
    'text in most operations': list({ text: 'request' }),
    'text in one of 400': list({ text: 'feature/77"' }),
    'text in none (stops at its bound)': list({ text: 'nowhere' }),
    'sort=updated, first page': list({ order: 'updated' }),
    'sort=updated, middle page': list({ order: 'updated', cursor: middle('updated', size) }),
    'sort=duration, first page': list({ order: 'duration' }),
    'sort=duration, middle page': list({ order: 'duration', cursor: middle('duration', size) }),
    'count all by state': count({}),
    'count a type': count({ type: 'job-3' }),
    'count a text': count({ text: 'feature/77"' }),
  };
}

async function measure(store, read) {
  const times = [];
  for (let n = 0; n < ROUNDS + 3; n++) {
    const start = performance.now();
    await read(store, n);
    // The first ones compile.
    if (n >= 3) times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Seconds until the service is ready, and its resident memory then, in MB. */
async function start(folder) {
  const port = await freePort();
  const env = { ...process.env, PORT: String(port), DATA_DIR: folder, LOG_LEVEL: 'error', JWT_SECRET: '' };
  const limits = { MAX_OPERATIONS: '100000000', MAX_TOOL_OPERATIONS: '100000000', OPERATION_MAX_AGE: '0' };
  const began = performance.now();
  const child = spawn(process.execPath, ['--max-semi-space-size=16', join(BENCH, '../dist/main.js')], {
    env: { ...env, ...limits },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    for (;;) {
      if (child.exitCode !== null) throw new Error(`The service ended with ${child.exitCode}`);
      const ready = await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined);
      if (ready?.status === 200) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const seconds = (performance.now() - began) / 1000;
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    return { seconds, memory: Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024 };
  } finally {
    child.kill();
    await ended;
  }
}

const results = new Map();
const put = (name, value) => results.set(name, [...(results.get(name) ?? []), value]);
for (const size of sizes) {
  const folder = mkdtempSync(join(tmpdir(), 'opstream-bench-'));
  try {
    const started = performance.now();
    await build(folder, size);
    put('building it, s', (performance.now() - started) / 1000);
    put('file, MB', statSync(join(folder, 'opstream.db')).size / 1e6);
    const store = open(folder);
    for (const [name, read] of Object.entries(reads(size))) put(`${name}, ms`, await measure(store, read));
    await store.close();
    const { seconds, memory } = await start(folder);
    put('start of the service, s', seconds);
    put('its resident memory, MB', memory);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
const rows = [...results].map(([name, values]) => [
  name,
  ...values.map(figure),
  `${figure(values.at(-1) / values[0])} ×`,
]);
const head = ['median', ...sizes.map((size) => `${size.toLocaleString('en')} operations`), 'last : first'];
const text = `# Reading a store as it grows\n\n${describeMachine()}\n\n${table(head, rows)}\n`;
console.log(text);
save('store.md', text, quick);
