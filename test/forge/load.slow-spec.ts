import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { FakeAttempt } from '../harness/fake-attempt.js';
import { FakeForge } from '../harness/fake-forge.js';
import { McpClient } from '../harness/mcp-client.js';
import { ServiceProcess } from '../harness/service-process.js';
import { forgetPeak, peakKilobytes, residentKilobytes } from '../harness/resident-memory.js';

/** The service is a process of its own, so that its memory and its delays are its own. */

let forge: FakeForge;
let service: ServiceProcess;
let clients: McpClient[];

beforeEach(async () => {
  clients = [];
  forge = await new FakeForge().start();
  service = await ServiceProcess.start({ FORGE_AGENT_LOGS: 'raw', FORGE_TENANTS: '*', FORGE_URL: forge.url });
});
afterEach(async () => {
  for (const client of clients) client.terminate();
  await service.stop();
  await forge.stop();
});

async function connect(): Promise<McpClient> {
  const client = await McpClient.connect(`${service.url.replace('http', 'ws')}/ws`);
  clients.push(client);
  await client.initialize('2025-06-18');
  return client;
}
const diffs = (client: McpClient) => client.of('notifications/tool/streamContent').length;
const textOf = (result: { content: readonly { text: string }[] }) =>
  result.content.map(({ text }) => text).join('');

async function post(path: string): Promise<Record<string, unknown>> {
  const response = await fetch(service.url + path, { method: 'POST' });
  return (await response.json()) as Record<string, unknown>;
}
async function snapshot(id: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${service.url}/api/operations/${id}`);
  return (await response.json()) as Record<string, unknown>;
}

describe('Watching an attempt under load', () => {
  it('S0-79: a diff reaches the MCP caller within 100 ms of Forge sending it', async () => {
    // The first ones find code that nothing has run before.
    await measureDelays(100);
    const took = (await measureDelays(1000)).toSorted((a, b) => a - b);
    const median = took[500]!;
    const p99 = took[990]!;
    console.log(`diff to MCP caller: median ${median.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
    expect(median).toBeLessThan(100);
    expect(p99).toBeLessThanOrEqual(100);
  });

  it('S0-27, X-61: 200 watchers of one attempt hold one upstream socket per stream and all get everything', async () => {
    const attempt = new FakeAttempt(forge);
    const agent = attempt.startProcess();
    const watchers = await Promise.all(Array.from({ length: 200 }, connect));
    const results = watchers.map((client) => client.call('forge_watch_task', { attempt_id: attempt.id }));
    await eventually('the streams are open', () => forge.openSockets === 3);
    for (let n = 0; n < 20; n++) attempt.diff(`file-${n}`, `${n}\n`);
    await eventually('everyone has all', () => watchers.every((client) => diffs(client) === 20), 30_000);
    expect(forge.sockets).toHaveLength(3);
    attempt.endProcess(agent, 'completed');
    for (const result of await Promise.all(results)) expect(textOf(result)).toContain('Received 20 updates');
    await eventually('the streams are closed', () => forge.openSockets === 0);
  });

  it('10,000 diffs and a 25 MB log pass with less than 50 MB more resident memory', async () => {
    const grown = await growthUnderFlood();
    console.log(`resident memory: at most ${grown.toFixed(1)} MB more`);
    expect(grown).toBeLessThan(50);
  });
});

/** Milliseconds from sending a diff to its arrival at the caller. */
async function measureDelays(count: number): Promise<number[]> {
  const attempt = new FakeAttempt(forge);
  const agent = attempt.startProcess();
  const client = await connect();
  const watched = client.call('forge_watch_task', { attempt_id: attempt.id });
  await eventually('the diff is open', () => forge.open(attempt.diffPath).length === 1);
  const sent: number[] = [];
  for (let n = 0; n < count; n++) {
    sent.push(performance.now());
    attempt.diff(`src/file-${n}.ts`, `content ${n}\n`.repeat(20));
    await delay(5);
  }
  await eventually('all arrived', () => diffs(client) === count);
  attempt.endProcess(agent, 'completed');
  expect(textOf(await watched)).toContain(`Received ${count} updates`);
  return client.notifications
    .filter(({ method }) => method === 'notifications/tool/streamContent')
    .map(({ at }, index) => at - sent[index]!);
}

/** Has the service watch a flood to its end. @returns the most resident memory it took on meanwhile, in MB */
async function growthUnderFlood(): Promise<number> {
  const attempt = new FakeAttempt(forge);
  const agent = attempt.startProcess();
  forgetPeak(service.pid);
  const before = residentKilobytes(service.pid);
  const id = (await post(`/api/forge/attempts/${attempt.id}/watch`)).operation_id as string;
  await eventually('the log is open', () => forge.open(attempt.logPath(agent)).length === 1);
  const line = `${'x'.repeat(99)}\n`;
  const chunk = line.repeat(1000);
  for (let n = 0; n < 250; n++) {
    attempt.log(agent, chunk);
    for (let m = 0; m < 40; m++) attempt.diff(`src/file-${n * 40 + m}.ts`, `content ${n}\n`);
    // As fast as the service reads: what it does not read fills the kernel's buffers and this process.
    await setImmediate();
  }
  attempt.endProcess(agent, 'completed');
  await eventually('the run is recorded', async () => (await snapshot(id)).ended_at !== null, 120_000);
  const recorded = await snapshot(id);
  expect(recorded).toMatchObject({ status: 'completed', result: { diffs: 10_000, log_lines: 250_000 } });
  return (peakKilobytes(service.pid) - before) / 1024;
}
