// npm run bench:fanout [-- --quick] [--only opstream,floor] [--profile]
//
// One publisher, many subscribers, beside the peers, in one run. See README.md for the method.
import { parseArgs } from 'node:util';
import { checkContent } from './harness/content-check.mjs';
import { CONTESTANTS, Match } from './harness/contestants.mjs';
import { measure } from './harness/measure.mjs';
import { prepare } from './harness/preparation.mjs';
import { reportFanout } from './harness/fanout-report.mjs';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, only: { type: 'string' }, profile: { type: 'boolean' } },
});
const quick = options.quick === true;
const names = options.only?.split(',') ?? Object.keys(CONTESTANTS);
const rounds = quick ? 2 : 9;

prepare({ peers: names.some((name) => ['ws', 'nest', 'socketio'].includes(name)) });
/** All measurements, by what was measured and then by contestant. */
const results = {};
await throughputAndLatency();
if (names.includes('opstream')) {
  await offered();
  await sizes();
  if (!quick) await compression();
}
reportFanout(results, { quick, rounds, names });

/** Saturation and latency at 1000 subscribers, all servers in turn. */
async function throughputAndLatency() {
  const sides = names.map((name) => ({ name, subscribers: 1000 }));
  await withMatches(sides, async (matches) => {
    await inTurn('single', matches, { mode: 'burst', amount: 1, seconds: 1 });
    await inTurn('burst', matches, { mode: 'burst', amount: 16, seconds: 1 });
    await inTurn('latency', matches, { mode: 'rate', amount: 50, seconds: 2, read: 'epoll' });
    const ours = matches.filter(({ name }) => name === 'opstream');
    await inTurn('stream', ours, { mode: 'stream', amount: 1, seconds: 1 });
  });
}

/** 500 events a second to 1000 subscribers: more than one write per event and subscriber allows anybody. */
async function offered() {
  await withMatches([{ name: 'opstream', subscribers: 1000 }], async ([match]) => {
    await record('offered', match, { mode: 'rate', amount: 500, seconds: quick ? 4 : 30, read: 'epoll' });
  });
}

/** What a delivery costs from 100 to 5000 subscribers, and how long a sweep over 5000 holds the event loop. */
async function sizes() {
  const sides = [100, 5000].map((subscribers) => ({ name: 'opstream', subscribers }));
  await withMatches(sides, async (matches) => {
    for (let round = 1; round <= rounds; round++) {
      for (const match of matches) {
        const { subscribers } = match;
        await settle(match);
        await record(`single-${subscribers}`, match, { mode: 'burst', amount: 1, seconds: 1 });
        const amount = 50_000 / subscribers;
        await record(`latency-${subscribers}`, match, { mode: 'rate', amount, seconds: 2, read: 'epoll' });
      }
    }
  });
}

/** Compressed and uncompressed broadcast in ten alternating pairs. */
async function compression() {
  const extension =
    'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover';
  const kinds = { compressed: [extension], uncompressed: [] };
  const sides = Object.values(kinds).map((headers) => ({ name: 'opstream', subscribers: 1000, headers }));
  await withMatches(sides, async (matches) => {
    const contents = await Promise.all(matches.map(({ port, seq }) => checkContent(port, seq)));
    for (let pair = 1; pair <= 10; pair++) {
      for (const [index, what] of Object.keys(kinds).entries()) {
        const plan = { mode: 'burst', amount: 1, seconds: 2 };
        await settle(matches[index]);
        const { compressed } = await record(what, matches[index], plan);
        if (what === 'compressed' && compressed === 0) {
          console.error('SKIPPED: the server did not compress; compressed broadcast is not measured.');
          delete results.compressed;
          return;
        }
      }
    }
    for (const [index, content] of contents.entries()) await content.finish(matches[index].seq);
  });
}

/**
 * Opens servers with their subscribers side by side; whoever is not being measured stands still.
 * @param {{name: string, subscribers: number, headers?: string[]}[]} sides
 */
async function withMatches(sides, work) {
  const nodeFlags = options.profile ? ['--cpu-prof', '--cpu-prof-dir=bench/results/raw'] : [];
  const matches = [];
  try {
    for (const { name, subscribers, headers } of sides) {
      const match = await Match.start(name, { nodeFlags, headers });
      matches.push(match);
      await match.open(subscribers);
      await warmUp(match);
    }
    await work(matches);
  } finally {
    for (const match of matches) await match.stop();
  }
}

/** Rounds go around the servers a second or two at a time: a shared machine changes its pace by the minute. */
async function inTurn(what, matches, plan) {
  for (let round = 1; round <= rounds; round++) {
    for (const match of matches) {
      await settle(match);
      await record(what, match, plan);
    }
  }
}

/** Lets the compiler see the hot path, and moves the sequence of a fresh log on to where all subscribers are. */
async function warmUp(match) {
  match.seq = match.name === 'opstream' ? 1 : 0;
  await measure(match, { mode: 'burst', amount: 4, seconds: 0.5 });
  await settle(match);
}

/** Caches and branch predictors hold another server's work when it is this one's turn. */
async function settle(match) {
  await measure(match, { mode: 'burst', amount: 1, seconds: 0.2 });
}

async function record(what, match, plan) {
  const measured = await measure(match, plan);
  ((results[what] ??= {})[match.name] ??= []).push(measured);
  const { rate, cpuPerMillion, latency, others } = measured;
  console.error(
    `${what.padEnd(13)} ${match.name.padEnd(9)} ${(rate / 1000).toFixed(0).padStart(6)} k/s  ` +
      `${cpuPerMillion.toFixed(2)} CPU s/million  p99 ${latency.p99.toFixed(1)} ms  others ${(others * 100).toFixed(0)} %`,
  );
  return measured;
}
