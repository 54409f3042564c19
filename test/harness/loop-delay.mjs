// Loaded into a process whose event loop a test looks at: on SIGUSR2 it writes how late timers came since the last time,
// and begins anew. `cpu` counts of each delay what this thread computed: on a busy machine the rest is other programs'.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 5;
const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
histogram.enable();

let computed = [];
let due = performance.now() + RESOLUTION_MS;
let before = process.threadCpuUsage?.();
setInterval(() => {
  const now = performance.now();
  const used = before && process.threadCpuUsage(before);
  if (before) before = process.threadCpuUsage();
  const late = Math.max(0, now - due);
  // Before Node 23.9 a thread does not know what it used.
  computed.push(used ? Math.min(late, (used.user + used.system) / 1000) : late);
  due = performance.now() + RESOLUTION_MS;
}, RESOLUTION_MS).unref();

process.on('SIGUSR2', () => {
  const sorted = computed.toSorted((a, b) => a - b);
  computed = [];
  const report = {
    p99: histogram.percentile(99) / 1e6 - RESOLUTION_MS,
    max: histogram.max / 1e6 - RESOLUTION_MS,
    cpu: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
    cpuMax: sorted.at(-1) ?? 0,
    samples: sorted.length,
  };
  histogram.reset();
  process.stderr.write(`LOOP_DELAY ${JSON.stringify(report)}\n`);
});
