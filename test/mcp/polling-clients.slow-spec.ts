import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { InstalledClient, prepare, type ClientEnvironment } from '../harness/installed-client.js';
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

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory', DEMO: 'true' });
  // Two of them share an environment, which must not be installed twice at once.
  await prepare(SDKS);
});
afterAll(() => service.stop());

/** A proxy that notes how each GET of its client was answered. */
async function countingProxy(): Promise<{ url: string; gets: number[]; stop: () => void }> {
  const gets: number[] = [];
  const server = createServer((from, to) => {
    const { method, url, headers } = from;
    const forwarded = request(
      { host: '127.0.0.1', port: service.port, method, path: url, headers },
      (answer) => {
        if (method === 'GET') gets.push(answer.statusCode!);
        to.writeHead(answer.statusCode!, answer.headers);
        to.flushHeaders();
        answer.pipe(to);
      },
    );
    forwarded.on('error', () => to.destroy());
    to.on('close', () => forwarded.destroy());
    from.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, gets, stop };
}

/** Calls that `ends` cancels, of which the streams end without an answer. */
const ENDED_WITHOUT_ANSWER = 6;

// Side by side: they mostly wait.
it.concurrent.each([
  ['JavaScript SDK v1', SDKS, 'ends.mjs', 'sdk-v1'],
  ['JavaScript SDK v2, in sessions', SDKS, 'ends.mjs', 'sdk-v2'],
  ['Python SDK 1.x', python('python-1', 'mcp[ws]==1.30.0'), 'ends.py', 'v1'],
  ['Python SDK 2.x, in sessions', python('python-2', 'mcp==2.3.0'), 'ends.py', 'v2'],
])('%s does not poll for streams that have ended', async (_what, environment, script, mode) => {
  const { url, gets, stop } = await countingProxy();
  const client = await InstalledClient.start(environment, script, [mode, url]);
  try {
    expect(await client.says()).toEqual({ done: true });
    // They come back within a second or two, once; Python's 2.x, which takes 204 for a failed attempt, twice.
    await delay(4000);
    const settled = gets.length;
    expect(settled).toBeLessThanOrEqual(1 + 2 * ENDED_WITHOUT_ANSWER);
    await delay(5000);
    expect(gets.length).toBe(settled);
    expect(gets.filter((status) => status !== 200 && status !== 204)).toEqual([]);
  } finally {
    client.stop();
    stop();
  }
});
