// npm run bench:mcp [-- --quick]
//
// `tools/call` of an echo at 16 connections, and 1000 progress notifications in one call, beside the official SDK,
// fastmcp and mcp-nest, in one run. See README.md for the method.
import { parseArgs } from 'node:util';
import { LineProcess } from './harness/line-process.mjs';
import { OtherLoad } from './harness/machine.mjs';
import { reportMcp } from './harness/mcp-report.mjs';
import { prepare } from './harness/preparation.mjs';

const { values: options } = parseArgs({ options: { quick: { type: 'boolean' } } });
const quick = options.quick === true;
const rounds = quick ? 1 : 5;
const seconds = quick ? 2 : 5;
const CONNECTIONS = 16;
const NOTIFICATIONS = 1000;

/** What is measured on whom: an era, the tool of the calls, the tool of the notifications. */
const RUNS = [
  {
    name: 'Opstream, sessions',
    server: 'servers/mcp-opstream.mjs',
    era: 'sessions',
    tool: 'echo',
    progress: 'progress',
  },
  {
    name: 'Opstream, sessions, recorded',
    server: 'servers/mcp-opstream.mjs',
    era: 'sessions',
    tool: 'echo_recorded',
    progress: 'progress_recorded',
  },
  {
    name: 'Opstream, 2026-07-28',
    server: 'servers/mcp-opstream.mjs',
    era: 'modern',
    tool: 'echo',
    progress: 'progress',
  },
  {
    name: 'Opstream, 2026-07-28, recorded',
    server: 'servers/mcp-opstream.mjs',
    era: 'modern',
    tool: 'echo_recorded',
    progress: 'progress_recorded',
  },
  {
    name: 'SDK v2, sessions, SSE',
    server: 'peers/mcp-sdk.mjs',
    era: 'sessions',
    tool: 'echo',
    progress: 'progress',
  },
  {
    name: 'SDK v2, sessions, JSON',
    server: 'peers/mcp-sdk.mjs',
    era: 'sessions',
    tool: 'echo',
    env: { MCP_JSON: '1' },
  },
  {
    name: 'SDK v2, 2026-07-28',
    server: 'peers/mcp-sdk.mjs',
    era: 'modern',
    tool: 'echo',
    progress: 'progress',
  },
  {
    name: 'fastmcp, sessions',
    server: 'peers/mcp-fastmcp.mjs',
    era: 'sessions',
    tool: 'echo',
    progress: 'progress',
  },
  { name: 'mcp-nest, sessions', server: 'peers/mcp-nest.mjs', era: 'sessions', tool: 'echo' },
  { name: 'mcp-nest, 2026-07-28', server: 'peers/mcp-nest.mjs', era: 'modern', tool: 'echo' },
];

prepare({ peers: true, generator: false });
/** @type {Record<string, object[]>} */
const results = {};
for (let round = 0; round < rounds; round++) {
  // Another order in every round, so that nobody always follows the same neighbour.
  for (const run of [...RUNS.slice(round * 3), ...RUNS.slice(0, round * 3)]) {
    (results[run.name] ??= []).push(await measure(run));
  }
}
reportMcp(results, { quick, rounds, connections: CONNECTIONS, notifications: NOTIFICATIONS });

async function measure({ server: file, era, tool, progress, env }) {
  const server = new LineProcess(0, process.execPath, [`bench/${file}`], { NODE_ENV: 'production', ...env });
  const client = new LineProcess(1, process.execPath, ['bench/clients/mcp-client.mjs']);
  try {
    const [{ port }] = await Promise.all([server.answer(), client.answer()]);
    await client.ask('calls', port, era, tool, CONNECTIONS, 1);
    const others = new OtherLoad([server.pid, client.pid]);
    const before = await server.ask('cpu');
    const { count, elapsed } = await client.ask('calls', port, era, tool, CONNECTIONS, seconds);
    const after = await server.ask('cpu');
    const measured = {
      rate: count / elapsed,
      perCpuSecond: count / ((after.cpu_us - before.cpu_us) / 1e6),
      others: others.share(),
    };
    if (progress === undefined) return measured;
    await client.ask('progress', port, era, progress, NOTIFICATIONS);
    const streamed = await client.ask('progress', port, era, progress, NOTIFICATIONS);
    return {
      ...measured,
      seen: streamed.seen,
      chunks: streamed.chunks,
      firstMs: streamed.first_ms,
      notifications: streamed.seen / streamed.elapsed,
    };
  } finally {
    await client.stop();
    await server.stop();
  }
}
