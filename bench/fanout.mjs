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
const rounds = quick ? 1 : 3;
const seconds = quick ? 1 : 2;

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

/** Saturation and latency at 1000 subscribers. Rounds go around the servers, so that drift hits all alike. */
async function throughputAndLatency() {
  for (let round = 1; round <= rounds; round++) {
    for (const name of names) {
      await withMatch(name, 1000, async (match) => {
        await record('single', match, { mode: 'burst', amount: 1, seconds });
        await record('burst', match, { mode: 'burst', amount: 16, seconds });
        if (name === 'opstream') await record('stream', match, { mode: 'stream', amount: 1, seconds });
        await record('latency', match, { mode: 'rate', amount: 50, seconds: quick ? 2 : 4, read: 'epoll' });
      });
    }
  }
}

/** 500 events a second to 1000 subscribers: more than one write per event and subscriber allows anybody. */
async function offered() {
  await withMatch('opstream', 1000, async (match) => {
    await record('offered', match, { mode: 'rate', amount: 500, seconds: quick ? 4 : 30, read: 'epoll' });
  });
}

/** What a delivery costs from 100 to 5000 subscribers, and how long a sweep over 5000 holds the event loop. */
async function sizes() {
  for (let round = 1; round <= rounds; round++) {
    for (const subscribers of [100, 5000]) {
      await withMatch('opstream', subscribers, async (match) => {
        await record(`single-${subscribers}`, match, { mode: 'burst', amount: 1, seconds });
        const perSecond = 50_000 / subscribers;
        const plan = { mode: 'rate', amount: perSecond, seconds: quick ? 2 : 4, read: 'epoll' };
        await record(`latency-${subscribers}`, match, plan);
      });
    }
  }
}

/** Compressed and uncompressed broadcast in alternating pairs. */
async function compression() {
  const extension =
    'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover';
  for (let pair = 1; pair <= 10; pair++) {
    for (const [what, headers] of Object.entries({ compressed: [extension], uncompressed: [] })) {
      const match = await Match.start('opstream', { headers });
      try {
        await match.open(1000);
        const content = await checkContent(match.port);
        await warmUp(match);
        const measured = await record(what, match, { mode: 'burst', amount: 1, seconds });
        if (what === 'compressed' && measured.compressed === 0) {
          console.error('SKIPPED: the server did not compress; compressed broadcast is not measured.');
          delete results.compressed;
          return;
        }
        await content.finish(match.seq);
      } finally {
        await match.stop();
      }
    }
  }
}

async function withMatch(name, subscribers, work) {
  const nodeFlags = options.profile ? ['--cpu-prof', '--cpu-prof-dir=bench/results/raw'] : [];
  const match = await Match.start(name, { nodeFlags });
  try {
    await match.open(subscribers);
    await warmUp(match);
    await work(match);
  } finally {
    await match.stop();
  }
}

/** Lets the compiler see the hot path, and moves the sequence of a fresh log on to where all subscribers are. */
async function warmUp(match) {
  match.seq = match.name === 'opstream' ? 1 : 0;
  await measure(match, { mode: 'burst', amount: 4, seconds: 0.5 });
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
