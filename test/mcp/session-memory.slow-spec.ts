import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServiceProcess } from '../harness/service-process.js';

const MEGABYTE = 1024 * 1024;
/** What 50,000 sessions may take more than 5,000, with the garbage that nobody has collected yet. */
const MAX_GROWTH = 20 * MEGABYTE;
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

async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${service.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
}

/** Resident bytes once the garbage is gone. */
async function heldBytes(): Promise<number> {
  let lowest = Infinity;
  for (let look = 0; look < 5; look++) {
    process.kill(service.pid, 'SIGUSR2');
    await delay(500);
    lowest = Math.min(lowest, await residentBytes());
  }
  return lowest;
}

describe('MCP sessions that nobody closes', () => {
  it('50,000 of them hold hardly more memory than 5,000, nor leave much garbage; every id is its own', async () => {
    const ids = await openSessions(5000);
    const early = { resident: await residentBytes(), held: await heldBytes() };
    for (const id of await openSessions(45_000)) ids.add(id);
    const late = { resident: await residentBytes(), held: await heldBytes() };
    const grown = { resident: late.resident - early.resident, held: late.held - early.held };
    console.log(
      `grown by ${(grown.resident / MEGABYTE).toFixed(1)} MB, ` +
        `of which ${(grown.held / MEGABYTE).toFixed(1)} MB are held when the garbage is collected`,
    );
    expect(ids.size).toBe(50_000);
    expect(grown.held).toBeLessThan(MAX_GROWTH);
    expect(grown.resident).toBeLessThan(MAX_GROWTH);
  });
});
