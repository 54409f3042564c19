// npm run bench:ingest [-- --quick] [--profile] [--rounds 5]
//
// Events per second acknowledged durably: OperationsService, the hub and REST, beside raw better-sqlite3 doing the same
// inserts, in one run. See README.md for the method.
import { parseArgs } from 'node:util';
import { reportIngest } from './harness/ingest-report.mjs';
import { LineProcess } from './harness/line-process.mjs';
import { OtherLoad } from './harness/machine.mjs';
import { prepare } from './harness/preparation.mjs';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, profile: { type: 'boolean' }, rounds: { type: 'string' } },
});
const quick = options.quick === true;
const rounds = quick ? 1 : Number(options.rounds ?? 5);
/** CPU seconds of one measurement, and of the warm-up before it. */
const seconds = quick ? 0.4 : 0.8;
const WARM_UP = 0.5;

/** Events per transaction: what arrives in one turn of the event loop. */
const BATCHES = [1, 16, 64, 256, 1024];
/** Faces, and the client's command: connections, events in flight or in a batch, events in all. */
const FACES = [
  { name: 'hub, 1 connection, 1000 in flight', command: 'hub', connections: 1, events: 1000, total: 60_000 },
  {
    name: 'hub, 20 connections, 100 in flight each',
    command: 'hub',
    connections: 20,
    events: 100,
    total: 60_000,
  },
  {
    name: 'REST, 8 connections, batches of 100',
    command: 'rest',
    connections: 8,
    events: 100,
    total: 100_000,
  },
  {
    name: 'REST, 8 connections, batches of 1000',
    command: 'rest',
    connections: 8,
    events: 1000,
    total: 100_000,
  },
  { name: 'REST, 32 connections, single events', command: 'rest', connections: 32, events: 1, total: 10_000 },
];

prepare({ peers: false, generator: false });
/** All measurements, by what was measured. */
const results = {};
for (let round = 1; round <= rounds; round++) {
  for (const batch of BATCHES) {
    for (const contestant of ['raw', 'opstream']) {
      await withServer(contestant, async (server) => {
        await record(`${contestant} ${batch}`, [server], () => server.ask('record', batch, seconds));
      });
    }
  }
  await withServer('opstream', async (server, port) => {
    const client = new LineProcess(1, process.execPath, ['bench/clients/ingest-client.mjs']);
    await client.answer();
    for (const { name, command, connections, events, total } of FACES) {
      await client.ask(command, port, connections, events, total / 2);
      await record(name, [server, client], async () => {
        const before = await server.ask('cpu');
        const measured = await client.ask(command, port, connections, events, total);
        const after = await server.ask('cpu');
        return { ...measured, cpu_us: after.cpu_us - before.cpu_us };
      });
    }
    await client.stop();
  });
}
reportIngest(results, { quick, rounds, batches: BATCHES, faces: FACES.map(({ name }) => name) });

async function withServer(name, work) {
  const flags = options.profile ? ['--cpu-prof', '--cpu-prof-dir=bench/results/raw'] : [];
  const server = new LineProcess(0, process.execPath, [...flags, `bench/servers/ingest-${name}.mjs`]);
  try {
    const { port } = await server.answer();
    // Lets the compiler see the hot path.
    await server.ask('record', 64, WARM_UP);
    await work(server, port);
  } finally {
    await server.stop();
  }
}

async function record(what, processes, work) {
  const others = new OtherLoad(processes.map(({ pid }) => pid));
  const { events, elapsed, cpu_us } = await work();
  const measured = {
    rate: events / elapsed,
    perCpuSecond: (events / cpu_us) * 1e6,
    others: others.share(),
  };
  (results[what] ??= []).push(measured);
  console.error(
    `${what.padEnd(42)} ${(measured.rate / 1000).toFixed(1).padStart(7)} k/s ` +
      `${(measured.perCpuSecond / 1000).toFixed(1).padStart(7)} k/CPU s  others ${(measured.others * 100).toFixed(0)} %`,
  );
}
