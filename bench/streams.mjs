// npm run bench:streams [-- --quick] [--rounds 3]
//
// Durable Streams: Opstream (SQLite, and memory) beside the reference server (memory, and files), in one run, rounds
// alternating. See README.md for the method.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { describeMachine, OtherLoad } from './harness/machine.mjs';
import { BENCH, prepare } from './harness/preparation.mjs';
import { figure, percent, ratio, save, table } from './harness/report.mjs';
import { appends, catchUp, followers } from './harness/streams-load.mjs';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, rounds: { type: 'string' } },
});
const quick = options.quick === true;
const rounds = quick ? 1 : Number(options.rounds ?? 3);
const seconds = quick ? 1 : 4;
const READERS = 1000;

const SERVERS = ['Opstream, SQLite', 'Opstream, memory', 'reference, memory', 'reference, files'];

prepare({ peers: true, generator: false });

function start(name) {
  const folder = mkdtempSync(join(tmpdir(), 'opstream-bench-'));
  const args = name.startsWith('Opstream')
    ? ['--max-semi-space-size=16', '--expose-gc', join(BENCH, '../dist/main.js')]
    : [
        '--max-semi-space-size=16',
        join(BENCH, 'servers/streams-reference.mjs'),
        ...(name.endsWith('files') ? [folder] : []),
      ];
  const env = {
    ...process.env,
    PORT: '0',
    DATA_DIR: folder,
    STORE: name.endsWith('memory') ? 'memory' : 'sqlite',
    MAX_STREAMS_PER_USER: '5000',
    LOG_LEVEL: 'info',
  };
  const child = spawn(process.execPath, args, { env, cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error(`${name} ended`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const port = /ready on http:\/\/[^:]+:(\d+)/.exec(line)?.[1];
      if (port === undefined) return;
      resolve({
        port: Number(port),
        pid: child.pid,
        stop: async () => {
          child.removeAllListeners('exit');
          child.kill('SIGKILL');
          await new Promise((done) => child.once('exit', done));
          rmSync(folder, { recursive: true, force: true });
        },
      });
    });
  });
}

const residentBytes = (pid) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

const results = Object.fromEntries(SERVERS.map((name) => [name, {}]));
const record = (name, values) => {
  for (const [what, value] of Object.entries(values)) (results[name][what] ??= []).push(value);
};
const began = new OtherLoad([]);

for (let round = 1; round <= rounds; round++) {
  for (const name of SERVERS) {
    console.error(`round ${round}: ${name}`);
    const server = await start(name);
    try {
      const single = await appends(server, { connections: 16, batch: 1, seconds });
      const batches = await appends(server, { connections: 16, batch: 16, seconds });
      const read = await catchUp(server, { count: 100_000, times: quick ? 2 : 5 });
      record(name, {
        single: single.rate,
        singleCpu: single.cpu,
        batch: batches.rate,
        batchCpu: batches.cpu,
      });
      record(name, { read: read.ms, readCpu: read.cpu });
    } finally {
      await server.stop();
    }
    // A fresh process, so that memory is that of the readers.
    const fresh = await start(name);
    try {
      const follow = await followers(fresh, {
        readers: READERS,
        rate: 50,
        seconds,
        memoryOf: () => residentBytes(fresh.pid),
      });
      if (follow.missing > 0) console.error(`${name}: ${follow.missing} deliveries are missing`);
      record(name, { p50: follow.p50, p99: follow.p99, followCpu: follow.cpu, memory: follow.memory });
    } finally {
      await fresh.stop();
    }
  }
}

const median = (values = []) => values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)];
const of = (name, what) => median(results[name][what]);
const ROWS = [
  ['appends of one message, acknowledged/s', 'single', (value) => String(Math.round(value)), 'more'],
  ['… server CPU for each, µs', 'singleCpu', figure, 'less'],
  ['appends of 16 messages, messages/s', 'batch', (value) => String(Math.round(value)), 'more'],
  ['… server CPU for each message, µs', 'batchCpu', figure, 'less'],
  ['catch-up of 100,000 messages, ms', 'read', figure, 'less'],
  ['… server CPU, ms', 'readCpu', figure, 'less'],
  [`${READERS} event-stream readers, 50 appends/s: p50, ms`, 'p50', figure, 'less'],
  ['… p99, ms', 'p99', figure, 'less'],
  ['… server CPU, of one core', 'followCpu', percent, 'less'],
  ['memory of an idle reader, KiB', 'memory', (value) => figure(value / 1024), 'less'],
];
const better = (what, way) => {
  const [ours, theirs] = [of('Opstream, SQLite', what), of('reference, memory', what)];
  return way === 'more' ? ours / theirs : theirs / ours;
};
const text = `# Durable Streams beside the reference server

${describeMachine()}. ${rounds} rounds, alternating; medians. Other processes took ${percent(began.share())} of the machine, the servers' included.
16 connections, a request at a time each; messages of 200 bytes. Opstream with SQLite commits before it answers; the
reference server 0.3.7 runs with \`compression: false\`.

${table(
  ['', ...SERVERS, 'SQLite beside reference, memory'],
  ROWS.map(([title, what, shown, way]) => [
    title,
    ...SERVERS.map((name) => shown(of(name, what))),
    ratio(better(what, way)),
  ]),
)}

The last column is above 1 where Opstream, durable, is better than the reference's memory engine.
`;
console.log(text);
save('streams.md', text, quick);
