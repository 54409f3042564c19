// One measurement: publish on the server, wait until every subscriber has everything, put both sides' figures together.
import { OtherLoad } from './machine.mjs';

/**
 * @typedef {object} Measurement
 * @property {number} rate deliveries per second, from the first publish to the last frame received
 * @property {number} perCpuSecond deliveries per second of the server's CPU time
 * @property {number} cpuPerMillion the server's CPU seconds per million deliveries
 * @property {number} others share of the machine that other processes took, 0 to 1
 */

/**
 * @param {import('./contestants.mjs').Match} match
 * @param {{mode: 'burst' | 'stream' | 'rate', amount: number, seconds: number, bytes?: number,
 *   read?: 'sweep' | 'epoll', expectAll?: boolean, patienceMs?: number}} plan
 * @returns {Promise<Measurement>}
 */
export async function measure(
  match,
  { mode, amount, seconds, bytes = 300, read = 'sweep', patienceMs = 60_000 },
) {
  const { server, generator } = match;
  await generator.ask('mode', read);
  await generator.ask('begin', match.seq ?? 0);
  const others = new OtherLoad([server.pid, generator.pid]);
  const published = await server.ask('publish', mode, amount, seconds, bytes);
  const received = await generator.ask('finish', published.last, patienceMs);
  const noise = others.share();
  match.seq = published.last;
  const events = published.last - published.first;
  const elapsed = (received.last_ns - published.begin_ns) / 1e9;
  check(match, received);
  return {
    events,
    deliveries: received.deliveries,
    rate: received.deliveries / elapsed,
    perCpuSecond: (received.deliveries / published.cpu_us) * 1e6,
    cpuPerMillion: published.cpu_us / received.deliveries,
    bytesPerEvent: received.bytes / received.deliveries,
    elapsed,
    seconds: (published.end_ns - published.begin_ns) / 1e9,
    latency: received.latency_ms,
    loopDelay: published.loop_delay_ms,
    highest: published.highest ?? {},
    generatorShare: received.cpu_us / 1e6 / elapsed,
    others: noise,
    compressed: received.compressed,
  };
}

/** @throws Error when a subscriber missed an event, got one twice, or was disconnected */
export function check({ name }, { lost, doubled, closed, errors, behind, failure }) {
  const faults = Object.entries({ lost, doubled, closed, errors, behind }).filter(([, count]) => count > 0);
  if (faults.length === 0) return;
  throw new Error(`${name}: ${faults.map(([what, count]) => `${count} ${what}`).join(', ')} ${failure}`);
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
