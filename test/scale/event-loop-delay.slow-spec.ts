import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { addLongLog, fillStore } from '../harness/large-store.js';
import { upgradeRequest, frame } from '../harness/raw-websocket.js';
import { ServiceProcess } from '../harness/service-process.js';

/** By hand with 1,000,000 events and 500,000 operations; the suite has less time. */
const EVENTS = Number(process.env.DELAY_EVENTS ?? 200_000);
const OPERATIONS = Number(process.env.DELAY_OPERATIONS ?? 50_000);
const RUNS = 3;
const MAX_P99_MS = 50;
/** How late timers of an idle process may come on a machine that does nothing else. */
const QUIET_MS = 5;
const FOLLOWERS = 400;
const BODY_BYTES = 8 * 1024 * 1024;
const UNLIMITED = {
  MAX_OPERATIONS: '10000000',
  MAX_TOOL_OPERATIONS: '10000000',
  MAX_EVENTS_PER_OPERATION: '100000000',
  // These readers answer no pings.
  HEARTBEAT_INTERVAL_MS: '600000',
};
const PATIENCE_MS = 240_000;

interface Delay {
  readonly p99: number;
  readonly max: number;
  readonly cpu: number;
  readonly cpuMax: number;
  readonly samples: number;
}

const MONITOR = ['--import', fileURLToPath(new URL('../harness/loop-delay.mjs', import.meta.url))];
const root = mkdtempSync(join(tmpdir(), 'opstream-delay-'));
const longLog = join(root, 'long');
const many = join(root, 'many');
/** An idle process beside the service: how late its timers come is the machine's doing. */
let idle: ChildProcess;
let idleOutput = '';

beforeAll(async () => {
  await fillStore(longLog, 10);
  await addLongLog(longLog, 'long', EVENTS);
  await fillStore(many, OPERATIONS);
  idle = spawn(process.execPath, [...MONITOR, '-e', 'setInterval(() => {}, 1e6)']);
  idle.stderr!.on('data', (chunk: Buffer) => (idleOutput += chunk.toString()));
}, 1_200_000);
afterAll(() => {
  idle.kill();
  rmSync(root, { recursive: true });
});

/** What a process has to say since it was asked last. */
async function delayOf(pid: number, output: () => string): Promise<Delay> {
  const reports = () => output().match(/LOOP_DELAY .*/g) ?? [];
  const before = reports().length;
  process.kill(pid, 'SIGUSR2');
  await eventually('a report of the event loop', () => reports().length > before, PATIENCE_MS);
  return JSON.parse(reports().at(-1)!.slice('LOOP_DELAY '.length)) as Delay;
}

/**
 * Runs the work three times, each time on a service of its own, and expects the median of its delays within the bound.
 * Others are served meanwhile: a request is always under way.
 */
async function expectServed(
  name: string,
  dataDir: string,
  settings: Readonly<Record<string, string>>,
  work: (service: ServiceProcess) => Promise<void>,
  bounds: { readonly computing: number; readonly wall: number } = { computing: MAX_P99_MS, wall: MAX_P99_MS },
): Promise<void> {
  const delays: (Delay & { readonly idle: number })[] = [];
  for (let run = 0; run < RUNS; run++) {
    const own = join(root, `run-${run}`);
    cpSync(dataDir, own, { recursive: true });
    const service = await ServiceProcess.start({
      DATA_DIR: own,
      NODE_OPTIONS: MONITOR.join(' '),
      ...UNLIMITED,
      ...settings,
    });
    const working = new AbortController();
    const asking = (async () => {
      while (!working.signal.aborted) await (await fetch(`${service.url}/api/stats`)).text();
    })();
    try {
      await (await fetch(`${service.url}/api/operations?limit=10`)).text();
      await delayOf(service.pid, () => service.output);
      await delayOf(idle.pid!, () => idleOutput);
      await work(service);
      const delay = await delayOf(service.pid, () => service.output);
      delays.push({ ...delay, idle: (await delayOf(idle.pid!, () => idleOutput)).p99 });
    } finally {
      working.abort();
      await asking;
      await service.stop();
      rmSync(own, { recursive: true });
    }
  }
  const median = (of: (delay: (typeof delays)[number]) => number) =>
    delays.map(of).toSorted((a, b) => a - b)[Math.floor(RUNS / 2)]!;
  const round = (value: number) => Math.round(value * 10) / 10;
  console.log(
    `${name}: p99 ${round(median(({ p99 }) => p99))} ms, computing ${round(median(({ cpu }) => cpu))} ms (longest ` +
      `${round(median(({ max }) => max))}, computing ${round(median(({ cpuMax }) => cpuMax))}); ` +
      `an idle process ${round(median(({ idle: machine }) => machine))} ms`,
  );
  expect(median(({ samples }) => samples)).toBeGreaterThan(20);
  expect(median(({ cpu }) => cpu)).toBeLessThanOrEqual(bounds.computing);
  // On a busy machine a process that computes waits for its turn; what it computes is the same on any.
  const quiet = delays.filter(({ idle: machine }) => machine <= QUIET_MS);
  for (const { p99 } of quiet.length === RUNS ? [{ p99: median((delay) => delay.p99) }] : [])
    expect(p99).toBeLessThanOrEqual(bounds.wall);
}

/** Reads as fast as bytes come, and looks at nothing but the end of them. */
function readUntil(socket: Socket, end: string): Promise<number> {
  let tail = '';
  let bytes = 0;
  return new Promise((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      tail = (tail + chunk.subarray(-4096).toString('latin1')).slice(-8192);
      if (tail.includes(end)) resolve(bytes);
    });
    socket.on('close', () => reject(new Error('the connection was closed')));
    socket.on('error', reject);
  });
}

const lastLine = `"line ${EVENTS - 1} of`;
const connect = (service: ServiceProcess) => createConnection(service.port, '127.0.0.1').setNoDelay();

describe(`delay of the event loop, p99 at most ${MAX_P99_MS} ms (median of ${RUNS}; I11-1)`, () => {
  it(`one event stream reads ${EVENTS} events`, async () => {
    await expectServed('one event stream', longLog, {}, async (service) => {
      const socket = connect(service);
      socket.write('GET /api/operations/long/stream HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 0\r\n\r\n');
      expect(await readUntil(socket, lastLine)).toBeGreaterThan(EVENTS * 100);
      socket.destroy();
    });
  }, 600_000);

  it(`one socket of the hub reads ${EVENTS} events`, async () => {
    await expectServed('one hub socket', longLog, {}, async (service) => {
      const socket = connect(service);
      socket.write(upgradeRequest('/hub'));
      socket.write(frame(JSON.stringify({ command: 'subscribe', operation_id: 'long', after_seq: 0 })));
      await readUntil(socket, lastLine);
      socket.destroy();
    });
  }, 600_000);

  it(`${FOLLOWERS} followers resume at different places`, async () => {
    await expectServed(`${FOLLOWERS} followers`, longLog, {}, async (service) => {
      const reading = Array.from({ length: FOLLOWERS }, async (_, n) => {
        const socket = connect(service);
        socket.write(upgradeRequest('/hub'));
        // Each its own place among the last twentieth.
        const after = EVENTS - Math.floor((EVENTS / 20) * ((n + 1) / FOLLOWERS)) - n;
        socket.write(frame(JSON.stringify({ command: 'subscribe', operation_id: 'long', after_seq: after })));
        await readUntil(socket, lastLine);
        socket.destroy();
      });
      await Promise.all(reading);
    });
  }, 600_000);

  it(`the limit is lowered from ${OPERATIONS} operations to 1000`, async () => {
    await expectServed(
      'a lowered limit',
      many,
      { MAX_OPERATIONS: '1000', MAX_TOOL_OPERATIONS: '1000' },
      async (service) => {
        for (const operation_type of ['type-1', 'mcp.tool/search']) {
          await fetch(`${service.url}/api/operations`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ operation_type }),
          });
        }
        // Running ones are never removed.
        const kept = 2 * Math.max(1000, Math.ceil(OPERATIONS / 25));
        const total = async () =>
          ((await (await fetch(`${service.url}/api/stats`)).json()) as { total_operations: number })
            .total_operations;
        await eventually('the limit holds', async () => (await total()) <= kept, PATIENCE_MS);
      },
    );
  }, 1_200_000);

  it('bodies of 8 MB arrive', async () => {
    const line = JSON.stringify({ event_type: 'log', data: { message: 'm'.repeat(60_000) } });
    const lines = Math.floor((BODY_BYTES - 1000) / (line.length + 1));
    const body = `[${Array.from({ length: lines }, () => line).join(',')}]`;
    await expectServed(
      '8 MB bodies',
      longLog,
      {},
      async (service) => {
        for (let n = 0; n < 6; n++) {
          const response = await fetch(`${service.url}/api/operations/op-0/events`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body,
          });
          await response.text();
          expect(response.status).toBe(201);
        }
        // A batch is one transaction, and its commit waits until the disk has taken all of it: that is not within 50 ms on
        // every disk, and what is computed is near it.
      },
      { computing: 80, wall: 250 },
    );
  }, 600_000);

  it(`/metrics is scraped with ${OPERATIONS} operations`, async () => {
    await expectServed('scraping', many, {}, async (service) => {
      for (const until = Date.now() + 3000; Date.now() < until;) {
        await (await fetch(`${service.url}/metrics`)).text();
      }
    });
  }, 600_000);
});
