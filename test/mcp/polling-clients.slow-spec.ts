import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { InstalledClient, type ClientEnvironment } from '../harness/installed-client.js';
import { RunningService } from '../harness/running-service.js';

const SDKS: ClientEnvironment = {
  kind: 'npm',
  name: 'client-sdks',
  packages: { '@modelcontextprotocol/sdk': '1.32.2', '@modelcontextprotocol/client': '2.4.0' },
};
const python = (name: string, pinned: string): ClientEnvironment => ({
  kind: 'python',
  name: `client-${name}`,
  packages: [pinned],
});

let service: RunningService;
let proxy: Server;
let client: InstalledClient;
/** Times of the GETs that clients made, and how each was answered. */
const gets: { at: number; status: number }[] = [];

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory', DEMO: 'true' });
  proxy = createServer((from, to) => {
    const { method, url, headers } = from;
    const forwarded = request(
      { host: '127.0.0.1', port: service.port, method, path: url, headers },
      (answer) => {
        if (method === 'GET') gets.push({ at: performance.now(), status: answer.statusCode! });
        to.writeHead(answer.statusCode!, answer.headers);
        to.flushHeaders();
        answer.pipe(to);
      },
    );
    forwarded.on('error', () => to.destroy());
    to.on('close', () => forwarded.destroy());
    from.pipe(forwarded);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  proxy.closeAllConnections();
  proxy.close();
  await service.stop();
});
beforeEach(() => void gets.splice(0));
afterEach(() => client.stop());

const url = () => `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/mcp`;
/** Calls that `ends` cancels, of which the streams end without an answer. */
const ENDED_WITHOUT_ANSWER = 6;

it.each([
  ['JavaScript SDK v1', SDKS, 'ends.mjs', 'sdk-v1'],
  ['JavaScript SDK v2, in sessions', SDKS, 'ends.mjs', 'sdk-v2'],
  ['Python SDK 1.x', python('python-1', 'mcp[ws]==1.30.0'), 'ends.py', 'v1'],
  ['Python SDK 2.x, in sessions', python('python-2', 'mcp==2.3.0'), 'ends.py', 'v2'],
])('%s does not poll for streams that have ended', async (_what, environment, script, mode) => {
  client = await InstalledClient.start(environment, script, [mode, url()]);
  expect(await client.says()).toEqual({ done: true });
  // They come back within a second or two, once; Python's 2.x, which takes 204 for a failed attempt, twice.
  await delay(4000);
  const settled = gets.length;
  expect(settled).toBeLessThanOrEqual(1 + 2 * ENDED_WITHOUT_ANSWER);
  await delay(5000);
  expect(gets.length).toBe(settled);
  expect(gets.filter(({ status }) => status !== 200 && status !== 204)).toEqual([]);
});
