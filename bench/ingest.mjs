// npm run bench:ingest [-- --quick] [--profile]
//
// Events per second acknowledged durably: OperationsService, the hub and REST, beside raw better-sqlite3 doing the same
// inserts, in one run. See README.md for the method.
import { parseArgs } from 'node:util';
import { reportIngest } from './harness/ingest-report.mjs';
import { LineProcess } from './harness/line-process.mjs';
import { OtherLoad } from './harness/machine.mjs';
import { prepare } from './harness/preparation.mjs';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, profile: { type: 'boolean' } },
});
const quick = options.quick === true;
const rounds = quick ? 1 : 5;
const seconds = quick ? 1 : 2;

/** Events per transaction: what arrives in one turn of the event loop. */
const BATCHES = [1, 16, 64, 256, 1024];
/** Faces: name, and the client's command without the port. */
const FACES = [
  ['hub, 1 connection, 1000 in flight', 'hub', [1, 1000]],
  ['hub, 20 connections, 100 in flight each', 'hub', [20, 100]],
  ['REST, 8 connections, batches of 100', 'rest', [8, 100]],
  ['REST, 8 connections, batches of 1000', 'rest', [8, 1000]],
  ['REST, 32 connections, single events', 'rest', [32, 1]],
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
    for (const [name, command, sizes] of FACES) {
      await client.ask(command, port, ...sizes, 0.5);
      await record(name, [server, client], async () => {
        const before = await server.ask('cpu');
        const measured = await client.ask(command, port, ...sizes, seconds);
        const after = await server.ask('cpu');
        return { ...measured, cpu_us: after.cpu_us - before.cpu_us };
      });
    }
    await client.stop();
  });
}
reportIngest(results, { quick, rounds, batches: BATCHES, faces: FACES.map(([name]) => name) });

async function withServer(name, work) {
  const flags = options.profile ? ['--cpu-prof', '--cpu-prof-dir=bench/results/raw'] : [];
  const server = new LineProcess(0, process.execPath, [...flags, `bench/servers/ingest-${name}.mjs`]);
  try {
    const { port } = await server.answer();
    // Lets the compiler see the hot path.
    await server.ask('record', 64, 0.5);
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
