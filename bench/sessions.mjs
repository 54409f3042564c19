// npm run bench:sessions [-- --quick] [--no-peer] [--rounds 3]
//
// Shared sessions: 20 agents at once, the bridge, search, a growing store, many viewers. See README.md for the method.
import { parseArgs } from 'node:util';
import { Match } from './harness/contestants.mjs';
import { LineProcess } from './harness/line-process.mjs';
import { OtherLoad } from './harness/machine.mjs';
import { check, measure } from './harness/measure.mjs';
import { prepare } from './harness/preparation.mjs';
import { reportSessions } from './harness/sessions-report.mjs';
import { SharedContextServer } from './harness/shared-context-server.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    'no-peer': { type: 'boolean' },
    rounds: { type: 'string' },
  },
});
const quick = options.quick === true;
const rounds = quick ? 1 : Number(options.rounds ?? 3);
const AGENTS = 20;
const SOCKETS = quick ? 200 : 1000;
const LARGE = 10_000;
const PER_SESSION = 1000;
const SIZES = quick ? [2, 10] : [10, 100, 1000];

prepare({ peers: false });
const peer = options['no-peer'] || quick ? undefined : SharedContextServer.prepare();
const results = {
  added: {},
  bridge: [],
  search: { count: LARGE, of: {} },
  sizes: [],
  broadcast: { session: [], hub: [] },
  stalled: undefined,
  peer: peer === undefined ? 'shared-context-server was left out or could not be installed.' : undefined,
};
for (let round = 0; round < rounds; round++) {
  await withOpstream((server, client, port) => addAtOnce('Opstream', server.pid, client, port, port));
  if (peer) {
    await withPeer((server, client) =>
      addAtOnce('shared-context-server', server.pid, client, server.port, server.socketPort, server.apiKey),
    );
  }
  await overTheBridge();
}
await searchLarge();
await growing();
await broadcasting();
await stalledViewers();
reportSessions(results, { quick, rounds, agents: AGENTS, sockets: SOCKETS });

async function addAtOnce(name, pid, client, port, viewerPort, apiKey = '') {
  if (name === 'Opstream') await client.ask('add', port, viewerPort, AGENTS, 1, apiKey);
  const others = new OtherLoad([pid, client.pid]);
  const cpu = cpuSeconds(pid);
  const measured = await client.ask(
    'add',
    port,
    viewerPort,
    AGENTS,
    quick ? 2 : name === 'Opstream' ? 5 : 12,
    apiKey,
  );
  const { count, elapsed, arrivals, distinct } = measured;
  // The peer tells each viewer twice, by its own account.
  if (distinct !== count || (name === 'Opstream' && arrivals !== count))
    throw new Error(`${name}: ${count} messages, ${distinct} of them arrived, ${arrivals} times`);
  const entry = {
    ...measured,
    rate: count / elapsed,
    perCpuSecond: count / (cpuSeconds(pid) - cpu),
    others: others.share(),
  };
  (results.added[name] ??= []).push(entry);
  log('added', name, `${entry.rate.toFixed(0)}/s, p99 ${entry.answer.p99.toFixed(1)} ms`);
}

async function overTheBridge() {
  await withOpstream(async (sockets, client, socketPort) => {
    await withOpstream(
      async (mcp, _client, port) => {
        await client.ask('add', port, socketPort, AGENTS, 1, '');
        const others = new OtherLoad([sockets.pid, mcp.pid, client.pid]);
        const measured = await client.ask('add', port, socketPort, AGENTS, quick ? 2 : 5, '');
        if (measured.arrivals !== measured.count || measured.distinct !== measured.count)
          throw new Error(`${measured.count} messages, ${measured.arrivals} arrived over the bridge`);
        const rate = measured.count / measured.elapsed;
        results.bridge.push({ ...measured, rate, others: others.share() });
        const { p50, p99 } = measured.stored;
        log('bridge', 'Opstream', `${rate.toFixed(0)}/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
      },
      { BRIDGE_TO: `http://127.0.0.1:${socketPort}` },
    );
  });
}

async function searchLarge() {
  await withOpstream(async (server, client, port) => {
    await server.ask('fill', 0, 1, LARGE);
    results.search.of.Opstream = await client.ask('search', port, 's0', quick ? 10 : 100, LARGE, '');
  });
  if (!peer) return;
  await withPeer(async (server, client) => {
    const { session_id: session } = await client.ask('session', server.port, server.apiKey);
    server.fill(session, LARGE);
    results.search.of['shared-context-server'] = await client.ask(
      'search',
      server.port,
      session,
      40,
      LARGE,
      server.apiKey,
    );
  });
}

/** One store that is filled on and on, measured on the way. */
async function growing() {
  await withOpstream(async (server, client, port) => {
    let filled = 0;
    for (const sessions of SIZES) {
      const { bytes, messages } = await server.ask('fill', filled, sessions, PER_SESSION);
      filled = sessions;
      await client.ask('times', port, sessions, PER_SESSION, 5, '');
      const of = await client.ask('times', port, sessions, PER_SESSION, quick ? 10 : 60, '');
      results.sizes.push({ messages, sessions, perSession: PER_SESSION, bytes, of });
      const shown = Object.entries(of).map(([name, { p50 }]) => `${name} ${p50.toFixed(1)}`);
      log('size', String(messages), shown.join(', '));
    }
  });
}

/** A session's messages and an operation's events in turn, to as many sockets. */
async function broadcasting() {
  const sides = {
    session: await Match.start('session'),
    hub: await Match.start('opstream'),
  };
  try {
    for (const [name, match] of Object.entries(sides)) {
      await match.open(SOCKETS);
      match.seq = name === 'hub' ? 1 : 0;
      await measure(match, { mode: 'burst', amount: 4, seconds: 1 });
    }
    for (let round = 0; round < (quick ? 2 : 11); round++) {
      // The order alternates, so that nobody always follows the other.
      const names = round % 2 === 0 ? ['session', 'hub'] : ['hub', 'session'];
      for (const name of names) {
        await measure(sides[name], { mode: 'burst', amount: 1, seconds: 0.2 });
        const measured = await measure(sides[name], { mode: 'burst', amount: 1, seconds: 1 });
        results.broadcast[name].push(measured);
        log('broadcast', name, `${measured.cpuPerMillion.toFixed(2)} CPU s/million`);
      }
    }
  } finally {
    for (const match of Object.values(sides)) await match.stop();
  }
}

/** Some viewers stop reading until each is owed megabytes; then they read again, and miss nothing. */
async function stalledViewers() {
  const healthy = quick ? 100 : 400;
  const stalled = quick ? 25 : 100;
  const without = await stalledRun(healthy, 0);
  const within = await stalledRun(healthy, stalled);
  const each = (of) => (within.growth[of] - without.growth[of]) / stalled;
  results.stalled = { healthy, stalled, owed: within.bytes, held: each('held'), rss: each('rss') };
  log('stalled', 'session', `${(each('held') / 1024).toFixed(1)} KB each`);
}

async function stalledRun(healthy, stalled) {
  const bytes = 16 * 1024;
  const match = await Match.start('session');
  const { server, generator } = match;
  try {
    await match.open(healthy + stalled);
    await generator.ask('mode', 'epoll');
    await generator.ask('begin', 0);
    const warm = await server.ask('publish', 'rate', 32, 2, bytes);
    check(match, await generator.ask('finish', warm.last, 60_000));
    await generator.ask('stall', stalled);
    await generator.ask('begin', warm.last);
    const before = await server.ask('usage');
    const published = await server.ask('publish', 'offer', 32, quick ? 12 : 25, bytes);
    check(match, await generator.ask('finish', published.last, 60_000));
    const after = await server.ask('usage');
    const growth = { held: after.held - before.held, rss: after.rss - before.rss };
    await generator.ask('unstall');
    const read = await generator.ask('finish', published.last, 120_000);
    check(match, read);
    const events = published.last - warm.last;
    if (read.deliveries !== events * (healthy + stalled)) throw new Error('a stalled viewer missed messages');
    return { growth, bytes: events * bytes };
  } finally {
    await match.stop();
  }
}

async function withOpstream(work, env = {}) {
  const server = new LineProcess(0, process.execPath, ['bench/servers/sessions.mjs'], {
    NODE_ENV: 'production',
    ...env,
  });
  try {
    const { port } = await server.answer();
    await withClient((client) => work(server, client, port));
  } finally {
    await server.stop();
  }
}

async function withPeer(work) {
  const server = await peer.start();
  try {
    await withClient((client) => work(server, client));
  } finally {
    await server.stop();
  }
}

async function withClient(work) {
  const client = new LineProcess(1, process.execPath, ['bench/clients/sessions-client.mjs']);
  try {
    await client.answer();
    await work(client);
  } finally {
    await client.stop();
  }
}

function cpuSeconds(pid) {
  return OtherLoad.secondsOf(pid);
}

function log(what, name, text) {
  console.error(`${what.padEnd(10)} ${name.padEnd(22)} ${text}`);
}
