// The child's side of line-process.mjs: carries out commands that arrive as lines, one after the other, and answers
// each with one JSON line.
import { createInterface } from 'node:readline';

/**
 * @param {Record<string, (...words: string[]) => unknown>} commands
 * @param {object} [greeting] told at once, as the first line
 */
export async function answerLines(commands, greeting = {}) {
  console.log(JSON.stringify(greeting));
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, ...words] = line.split(' ');
    try {
      console.log(JSON.stringify((await commands[name](...words)) ?? {}));
    } catch (error) {
      console.log(JSON.stringify({ error: String(error?.stack ?? error) }));
    }
  }
  process.exit(0);
}

/** CPU time of this process in microseconds. */
export function cpuMicroseconds() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/**
 * Repeats work until this process has used so much CPU time, however much of it others leave.
 * @returns {Promise<{events: number, elapsed: number, cpu_us: number}>}
 */
export async function repeatFor(cpuSeconds, eventsOfOne, work) {
  const cpu = cpuMicroseconds();
  const end = cpu + cpuSeconds * 1e6;
  const begin = performance.now();
  let events = 0;
  while (cpuMicroseconds() < end) {
    // A look at the clock costs as much as an event.
    for (let n = 0; n < 2000; n += eventsOfOne) {
      await work();
      events += eventsOfOne;
    }
  }
  return { events, elapsed: (performance.now() - begin) / 1000, cpu_us: cpuMicroseconds() - cpu };
}
