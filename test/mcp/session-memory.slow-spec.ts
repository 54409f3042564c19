import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServiceProcess } from '../harness/service-process.js';

const MEGABYTE = 1024 * 1024;
const ALLOWED_GROWTH = 20 * MEGABYTE;
const CONCURRENCY = 16;

let service: ServiceProcess;

beforeAll(async () => {
  const collector = new URL('../harness/collect-on-signal.mjs', import.meta.url).href;
  service = await ServiceProcess.start({ STORE: 'memory', NODE_OPTIONS: `--import ${collector}` });
});
afterAll(() => service.stop());

async function openSession(): Promise<string> {
  const response = await fetch(`${service.url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: {
        protocolVersion: '2025-11-25',
        capabilities: { elicitation: {}, sampling: {}, roots: { listChanged: true } },
        clientInfo: { name: 'forgetful', version: '1.0.0' },
      },
    }),
  });
  await response.text();
  return response.headers.get('mcp-session-id')!;
}

/** Opens sessions and never closes one. */
async function openSessions(count: number): Promise<Set<string>> {
  const ids = new Set<string>();
  let left = count;
  const work = async (): Promise<void> => {
    while (left-- > 0) ids.add(await openSession());
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return ids;
}

/** Resident bytes once the garbage is gone, which V8 lets lie while memory is plenty. */
async function residentBytes(): Promise<number> {
  let lowest = Infinity;
  for (let look = 0; look < 5; look++) {
    process.kill(service.pid, 'SIGUSR2');
    await delay(500);
    const status = await readFile(`/proc/${service.pid}/status`, 'utf8');
    lowest = Math.min(lowest, Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024);
  }
  return lowest;
}

describe('MCP sessions that nobody closes', () => {
  it('50,000 of them leave memory within 20 MB of what it was after 5,000; every id is its own', async () => {
    const ids = await openSessions(5000);
    const after5000 = await residentBytes();
    for (const id of await openSessions(45_000)) ids.add(id);
    const after50_000 = await residentBytes();
    console.log(
      `after 5,000: ${(after5000 / MEGABYTE).toFixed(1)} MB; after 50,000: ${(after50_000 / MEGABYTE).toFixed(1)} MB`,
    );
    expect(ids.size).toBe(50_000);
    expect(after50_000 - after5000).toBeLessThan(ALLOWED_GROWTH);
  });
});
