// npm run bench:connections [-- --quick] [--only opstream,nest]
//
// Many connections: what opening and holding one costs, subscribers that stop reading, and all returning at once.
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { reportConnections } from './harness/connections-report.mjs';
import { CONTESTANTS, Match } from './harness/contestants.mjs';
import { descriptorLimit, kernelSocketBytes, OtherLoad } from './harness/machine.mjs';
import { check } from './harness/measure.mjs';
import { prepare } from './harness/preparation.mjs';

const { values: options } = parseArgs({ options: { quick: { type: 'boolean' }, only: { type: 'string' } } });
const quick = options.quick === true;
const names = options.only?.split(',') ?? Object.keys(CONTESTANTS).filter((name) => name !== 'floor');
const rounds = quick ? 1 : 2;

prepare({ peers: names.some((name) => name !== 'opstream') });
const results = { handshakes: {}, idle: {}, stalled: [], storm: [] };
for (let round = 1; round <= rounds; round++) {
  for (const name of names) await openAndHold(name);
  if (!names.includes('opstream')) continue;
  await stalledReaders();
  await storm();
}
reportConnections(results, { quick, rounds, names });

/** Handshakes per second, and memory of connections that say nothing. */
async function openAndHold(name) {
  const count = affordable(quick ? 2000 : 10_000);
  // Without the hello Opstream's subscribers have a verified token and no subscription.
  const match = await Match.start(name, name === 'opstream' ? { hello: '', greetings: 1 } : {});
  const { server, generator } = match;
  try {
    await match.open(500);
    await generator.ask('close');
    await setTimeout(500);
    const before = await server.ask('usage');
    const others = new OtherLoad([server.pid, generator.pid]);
    const { seconds } = await match.open(count, 64);
    const cpu = ((await server.ask('usage')).cpu_us - before.cpu_us) / 1e6;
    note(results.handshakes, name, {
      rate: count / seconds,
      perCpuSecond: count / cpu,
      others: others.share(),
    });
    await setTimeout(2000);
    const { rss } = await server.ask('usage');
    note(results.idle, name, { count, bytes: (rss - before.rss) / count });
    log('handshakes', name, `${(count / seconds).toFixed(0)}/s, ${(count / cpu).toFixed(0)} per CPU second`);
    log('idle', name, `${((rss - before.rss) / count / 1024).toFixed(1)} KB each`);
  } finally {
    await match.stop();
  }
}

/** 200 of 1000 subscribers stop reading until each is owed 16 MB; then they read again. */
async function stalledReaders() {
  const healthy = quick ? 200 : 800;
  const stalled = quick ? 50 : 200;
  const plan = { perSecond: 32, filling: quick ? 9 : 10, seconds: quick ? 4 : 24, bytes: 16 * 1024 };
  const without = await stalledRun(healthy, 0, plan);
  const within = await stalledRun(healthy, stalled, plan);
  const result = {
    healthy,
    stalled,
    owed: within.events * plan.bytes,
    growth: (within.growth - without.growth) / stalled,
    kernel: (within.kernel - without.kernel) / stalled,
    p99: within.latency.p99,
    p99Without: without.latency.p99,
    p99Filling: within.filling.p99,
    p99FillingWithout: without.filling.p99,
    caughtUpSeconds: within.caughtUpSeconds,
    others: Math.max(within.others, without.others),
  };
  results.stalled.push(result);
  log(
    'stalled',
    'opstream',
    `${(result.growth / 1024).toFixed(1)} KB each, kernel ${(result.kernel / 1024).toFixed(0)} KB, ` +
      `healthy p99 ${result.p99.toFixed(1)} ms (${result.p99Without.toFixed(1)} without), ` +
      `${result.p99Filling.toFixed(1)} while the kernel's buffers filled (${result.p99FillingWithout.toFixed(1)}), ` +
      `all read in ${result.caughtUpSeconds.toFixed(1)} s`,
  );
}

/**
 * First the kernel takes in what the stalled ones do not read, some MB each, then events wait in the log. The two are
 * told apart, because what the kernel does with its memory is not the server's doing.
 */
async function stalledRun(healthy, stalled, { perSecond, filling, seconds, bytes }) {
  const match = await Match.start('opstream');
  const { server, generator } = match;
  try {
    await match.open(healthy + stalled);
    await generator.ask('mode', 'epoll');
    await generator.ask('begin', 1);
    const warm = await server.ask('publish', 'rate', perSecond, 2, bytes);
    check(match, await generator.ask('finish', warm.last, 60_000));
    await generator.ask('stall', stalled);
    await generator.ask('begin', warm.last);
    const before = { rss: (await server.ask('usage')).rss, kernel: kernelSocketBytes() };
    const others = new OtherLoad([server.pid, generator.pid]);
    const filled = await server.ask('publish', 'offer', perSecond, filling, bytes);
    const meanwhile = await generator.ask('finish', filled.last, 60_000);
    check(match, meanwhile);
    await generator.ask('begin', filled.last);
    const published = await server.ask('publish', 'offer', perSecond, seconds, bytes);
    const read = await generator.ask('finish', published.last, 60_000);
    const share = others.share();
    check(match, read);
    const growth = (await server.ask('usage')).rss - before.rss;
    const kernel = kernelSocketBytes() - before.kernel;
    const began = performance.now();
    await generator.ask('unstall');
    const all = await generator.ask('finish', published.last, 120_000);
    check(match, all);
    const events = published.last - warm.last;
    if (all.deliveries !== (published.last - filled.last) * healthy + events * stalled)
      throw new Error('a stalled subscriber missed events');
    const caughtUpSeconds = (performance.now() - began) / 1000;
    return {
      events,
      growth,
      kernel,
      filling: meanwhile.latency_ms,
      latency: read.latency_ms,
      caughtUpSeconds,
      others: share,
    };
  } finally {
    await match.stop();
  }
}

/** All subscribers are cut off at once while events go on, and resume where they were. */
async function storm() {
  const count = affordable(quick ? 1000 : 5000);
  const match = await Match.start('opstream', {
    hello: '{"command":"subscribe","operation_id":"bench","after_seq":%SEQ%}',
  });
  const { server, generator } = match;
  try {
    await match.open(count);
    await generator.ask('mode', 'epoll');
    await generator.ask('begin', 1);
    const publishing = server.ask('publish', 'offer', 20, quick ? 6 : 15, 300);
    await setTimeout(2000);
    const others = new OtherLoad([server.pid, generator.pid]);
    const reopened = await generator.ask('storm');
    const share = others.share();
    if (reopened.failed > 0) throw new Error(`${reopened.failed} were refused: ${reopened.failure}`);
    const published = await publishing;
    const read = await generator.ask('finish', published.last, 60_000);
    check(match, read);
    results.storm.push({ count, connected: reopened.seconds, recovery: read.recovery_ms, others: share });
    const { p50, max } = read.recovery_ms;
    log(
      'storm',
      'opstream',
      `${count} subscribed again in ${reopened.seconds.toFixed(2)} s; next event after ${p50.toFixed(0)} ms (median), ` +
        `${max.toFixed(0)} ms (last); nothing lost`,
    );
  } finally {
    await match.stop();
  }
}

/** As many connections as descriptors allow, with a sentence when they are fewer than wanted. */
function affordable(wanted) {
  const most = descriptorLimit() - 200;
  if (most >= wanted) return wanted;
  console.error(`Only ${most} connections: raise the limit of open files (ulimit -n) for ${wanted}.`);
  return most;
}

function note(byName, name, value) {
  (byName[name] ??= []).push(value);
}

function log(what, name, text) {
  console.error(`${what.padEnd(13)} ${name.padEnd(9)} ${text}`);
}
