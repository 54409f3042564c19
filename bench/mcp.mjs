// npm run bench:mcp [-- --quick] [--only opstream,sdk] [--profile] [--rounds 3]
//
// `tools/call` of an echo at 16 connections, and 1000 progress notifications in one call, beside the official SDK,
// fastmcp and mcp-nest, in one run. See README.md for the method.
import { parseArgs } from 'node:util';
import { LineProcess } from './harness/line-process.mjs';
import { OtherLoad } from './harness/machine.mjs';
import { reportMcp } from './harness/mcp-report.mjs';
import { median } from './harness/measure.mjs';
import { prepare } from './harness/preparation.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    only: { type: 'string' },
    profile: { type: 'boolean' },
    rounds: { type: 'string' },
  },
});
const quick = options.quick === true;
const rounds = quick ? 1 : Number(options.rounds ?? 3);
const seconds = 2;
const CONNECTIONS = 16;
const NOTIFICATIONS = 1000;
/** Calls with notifications before one counts, and those that count: one alone lasts some thirty milliseconds. */
const WARM_UP = 5;
const COUNTED = 9;

const SERVERS = {
  opstream: 'servers/mcp-opstream.mjs',
  sdk: 'peers/mcp-sdk.mjs',
  fastmcp: 'peers/mcp-fastmcp.mjs',
  nest: 'peers/mcp-nest.mjs',
};

/** What is measured on whom: an era, the tool of the calls, the tool of the notifications. */
const ECHO = { tool: 'echo', progress: 'progress' };
const RECORDED = { tool: 'echo_recorded', progress: 'progress_recorded' };
const RUNS = [
  { name: 'Opstream, sessions', server: 'opstream', era: 'sessions', ...ECHO },
  { name: 'Opstream, sessions, recorded', server: 'opstream', era: 'sessions', ...RECORDED },
  { name: 'Opstream, 2026-07-28', server: 'opstream', era: 'modern', ...ECHO },
  { name: 'Opstream, 2026-07-28, recorded', server: 'opstream', era: 'modern', ...RECORDED },
  { name: 'SDK v2, sessions, SSE', server: 'sdk', era: 'sessions', ...ECHO },
  { name: 'SDK v2, sessions, JSON', server: 'sdk', era: 'sessions', tool: 'echo', env: { MCP_JSON: '1' } },
  { name: 'SDK v2, 2026-07-28', server: 'sdk', era: 'modern', ...ECHO },
  { name: 'fastmcp, sessions', server: 'fastmcp', era: 'sessions', ...ECHO },
  { name: 'mcp-nest, sessions', server: 'nest', era: 'sessions', tool: 'echo' },
  { name: 'mcp-nest, 2026-07-28', server: 'nest', era: 'modern', tool: 'echo' },
];

const only = options.only?.split(',') ?? Object.keys(SERVERS);
const chosen = RUNS.filter(({ server }) => only.includes(server));
prepare({ peers: only.some((name) => name !== 'opstream'), generator: false });
/** @type {Record<string, object[]>} */
const results = {};
for (let round = 0; round < rounds; round++) {
  // Another order in every round, so that nobody always follows the same neighbour.
  for (const run of [...chosen.slice(round * 3), ...chosen.slice(0, round * 3)]) {
    const measured = await withServer(run, (server, client, port) => measure(run, server, client, port));
    (results[run.name] ??= []).push(measured);
    const { rate, notifications = NaN, firstMs = NaN } = measured;
    console.error(
      `${run.name.padEnd(32)} ${rate.toFixed(0).padStart(7)} calls/s ` +
        `${notifications.toFixed(0).padStart(7)} notifications/s, first after ${firstMs.toFixed(1)} ms`,
    );
  }
}
reportMcp(results, {
  quick: quick || options.only !== undefined,
  rounds,
  connections: CONNECTIONS,
  notifications: NOTIFICATIONS,
});

async function withServer({ server: name, env }, work) {
  const flags = options.profile ? ['--cpu-prof', '--cpu-prof-dir=bench/results/raw'] : [];
  const server = new LineProcess(0, process.execPath, [...flags, `bench/${SERVERS[name]}`], {
    NODE_ENV: 'production',
    ...env,
  });
  const client = new LineProcess(1, process.execPath, ['bench/clients/mcp-client.mjs']);
  try {
    const [{ port }] = await Promise.all([server.answer(), client.answer()]);
    return await work(server, client, port);
  } finally {
    await client.stop();
    await server.stop();
  }
}

async function measure({ era, tool, progress }, server, client, port) {
  await client.ask('calls', port, era, tool, CONNECTIONS, 1);
  const others = new OtherLoad([server.pid, client.pid]);
  const before = await server.ask('cpu');
  const { count, elapsed } = await client.ask('calls', port, era, tool, CONNECTIONS, seconds);
  const after = await server.ask('cpu');
  const calls = {
    rate: count / elapsed,
    perCpuSecond: count / ((after.cpu_us - before.cpu_us) / 1e6),
    others: others.share(),
  };
  if (progress === undefined) return calls;
  const streamed = [];
  for (let call = 0; call < WARM_UP + COUNTED; call++) {
    streamed.push(await client.ask('progress', port, era, progress, NOTIFICATIONS));
  }
  const mid = (value) => median(streamed.slice(WARM_UP).map(value));
  return {
    ...calls,
    seen: mid(({ seen }) => seen),
    chunks: mid(({ chunks }) => chunks),
    firstMs: mid(({ first_ms }) => first_ms),
    notifications: mid(({ seen, elapsed: took }) => seen / took),
  };
}
