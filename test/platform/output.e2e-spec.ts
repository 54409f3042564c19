import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { FailingOutput, FAILING_OUTPUTS } from '../harness/failing-output.js';
import { freePort } from '../harness/free-port.js';
import { ROOT, ServiceProcess } from '../harness/service-process.js';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** The built service with an output of the test's choice; it says nowhere that it is ready. */
async function startMute(stdout: number, env: Record<string, string> = {}): Promise<[ChildProcess, string]> {
  const folder = mkdtempSync(join(tmpdir(), 'opstream-test-'));
  folders.push(folder);
  const port = await freePort();
  const child = spawn(process.execPath, [join(ROOT, 'dist/main.js')], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', PORT: String(port), DATA_DIR: join(folder, 'data'), ...env },
    stdio: ['ignore', stdout, 'ignore'],
  });
  const url = `http://127.0.0.1:${port}`;
  const isLive = (): Promise<boolean> =>
    fetch(`${url}/health/live`).then(
      ({ ok }) => ok,
      () => false,
    );
  await eventually('the service to answer', isLive, 20_000);
  return [child, url];
}

async function endOf(child: ChildProcess): Promise<unknown> {
  const began = performance.now();
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code, inTime: performance.now() - began < 10_000 };
}

describe.runIf(process.platform === 'linux')('the log cannot be written', () => {
  it.each(FAILING_OUTPUTS)(
    'output that is %s: the service starts, serves, and ends on SIGTERM with 0',
    async (kind) => {
      using output = FailingOutput.open(kind);
      const [child, url] = await startMute(output.fd, { LOG_LEVEL: 'trace' });
      // Each refusal is a line of the log.
      for (let count = 0; count < 50; count += 1) {
        const { status } = await fetch(`${url}/api/stats`, { headers: { 'x-api-key': 'wrong' } });
        expect(status).toBe(401);
      }
      expect(await endOf(child)).toEqual({ code: 0, inTime: true });
    },
    30_000,
  );
});

describe('connections that ask for nothing', () => {
  const BODY =
    'POST /api/operations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{';
  const ANSWERED = 'GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
  it.each([
    ['nothing', ''],
    ['half a header', 'GET /health HTTP/1.1\r\nHo'],
    ['half a body', BODY],
    ['half a header after an answer', `${ANSWERED}GET /health HTTP/1.1\r\nHo`],
  ])('S1-13 S4-67: %s sent: SIGTERM ends the service in a few seconds, with 0', async (_name, text) => {
    const service = await ServiceProcess.start();
    const sockets: Socket[] = [];
    for (const _ of [1, 2]) {
      const socket = createConnection(service.port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      sockets.push(socket);
      if (text === '') continue;
      socket.write(text);
      if (text.startsWith(ANSWERED)) await once(socket, 'data');
    }
    const began = performance.now();
    expect(await service.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(9000);
    expect(service.output).not.toContain('Forced shutdown');
    for (const socket of sockets) socket.destroy();
  });
});
