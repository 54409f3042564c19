// What every Node server of the benchmark answers: one line in, one JSON line out. The publisher runs in the server's
// process, so that only delivery differs.
//
//   publish burst K SECONDS BYTES    K events per turn of the event loop, the next K once these are written
//   publish stream 1 SECONDS BYTES   the next event as soon as the one before was accepted
//   publish rate R SECONDS BYTES     R events per second, as evenly as timers allow, until these are written
//   publish offer R SECONDS BYTES    the same, without waiting for subscribers
//   usage                            memory and CPU time of this process
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setImmediate, setTimeout } from 'node:timers/promises';

/** Node's event loop delay histogram samples at this interval and counts it in; it is taken off again. */
const DELAY_RESOLUTION_MS = 1;

/** Nanoseconds of the clock that the load generator reads, too. */
export const nowNs = () => Number(process.hrtime.bigint());

/**
 * @typedef {object} Publisher
 * @property {number} seq newest seq published
 * @property {(count: number, bytes: number) => void | Promise<unknown>} publish
 *   publishes events of so many bytes; settles when they are accepted
 * @property {() => void | Promise<unknown>} [written] settles when everything accepted was written to the sockets
 * @property {() => Record<string, number>} [gauges] figures of its own, sampled while publishing; the highest counts
 */

/** @param {number} port @param {Publisher} publisher */
export function serveCommands(port, publisher) {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => void answer(line, publisher));
  lines.on('close', () => process.exit(0));
  console.log(JSON.stringify({ port }));
}

async function answer(line, publisher) {
  const [command, mode, amount, seconds, bytes] = line.split(' ');
  try {
    const result =
      command === 'publish'
        ? await publish(publisher, mode, Number(amount), Number(seconds), Number(bytes))
        : usage();
    console.log(JSON.stringify(result));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error?.stack ?? error) }));
  }
}

function usage() {
  // What is garbage now would otherwise count as memory in use.
  globalThis.gc?.();
  globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { cpu_us: user + system, rss, held: heapUsed + external };
}

async function publish(publisher, mode, amount, seconds, bytes) {
  const first = publisher.seq;
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  const highest = {};
  const sampler = setInterval(() => sample(publisher, highest), 20);
  delay.enable();
  const cpu = process.cpuUsage();
  const begin_ns = nowNs();
  if (mode === 'rate' || mode === 'offer') await publishAtRate(publisher, amount, seconds, bytes);
  else await publishAtOnce(publisher, amount, seconds, bytes, mode === 'burst');
  if (mode !== 'offer') await publisher.written?.();
  const end_ns = nowNs();
  const { user, system } = process.cpuUsage(cpu);
  delay.disable();
  clearInterval(sampler);
  const ms = (share) => Math.max(0, delay.percentile(share) / 1e6 - DELAY_RESOLUTION_MS);
  return {
    first,
    last: publisher.seq,
    begin_ns,
    end_ns,
    cpu_us: user + system,
    loop_delay_ms: { p50: ms(50), p99: ms(99), p999: ms(99.9), max: ms(100) },
    highest,
  };
}

async function publishAtOnce(publisher, burst, seconds, bytes, lockstep) {
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    await publisher.publish(burst, bytes);
    if (lockstep) await publisher.written?.();
    await setImmediate();
  }
}

async function publishAtRate(publisher, perSecond, seconds, bytes) {
  const begin = performance.now();
  const total = Math.round(perSecond * seconds);
  const accepted = [];
  let published = 0;
  for (;;) {
    const elapsed = performance.now() - begin;
    // A server that cannot keep up publishes late; what it has not offered by the end is not offered at all.
    if (published >= total || elapsed > seconds * 1000 + 50) break;
    const due = Math.min(total, Math.floor((elapsed / 1000) * perSecond) + 1);
    for (; published < due; published++) accepted.push(publisher.publish(1, bytes));
    await setTimeout(Math.max(0, (published / perSecond) * 1000 - (performance.now() - begin)));
  }
  await Promise.all(accepted);
}

function sample(publisher, highest) {
  for (const [name, value] of Object.entries(publisher.gauges?.() ?? {})) {
    highest[name] = Math.max(highest[name] ?? 0, value);
  }
}
