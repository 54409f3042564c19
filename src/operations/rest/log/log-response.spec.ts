import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { LogResponse } from './log-response.js';

const server = createServer();
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function exchange(): Promise<{
  incoming: IncomingMessage;
  response: ServerResponse;
  log: LogResponse;
}> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const arrival = once(server, 'request');
  const outgoing = get(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const [, response] = (await arrival) as [unknown, ServerResponse];
  const answer = once(outgoing, 'response');
  const log = new LogResponse(response, { 'Content-Type': 'text/plain' }, () => {});
  const [incoming] = (await answer) as [IncomingMessage];
  return { incoming, response, log };
}

it('a reader that takes nothing holds up the log and not the memory, however small the pieces', async () => {
  const { incoming, response, log } = await exchange();
  incoming.pause();
  const line = `${'x'.repeat(999)}\n`;
  let written = 0;
  let most = 0;
  let stuck = false;
  while (!stuck && written < 50_000) {
    const taken = log.write(line).then(() => true);
    written++;
    // Live lines come one a turn, so that each is a piece of its own.
    await setImmediate();
    most = Math.max(most, response.writableLength);
    stuck = !(await Promise.race([taken, setImmediate(false)]));
  }
  expect(stuck).toBe(true);
  // What Node buffers by default, and a chunk.
  expect(most).toBeLessThan((64 + 16) * 1024);
  let received = 0;
  incoming.on('data', (chunk: Buffer) => (received += chunk.length)).resume();
  await log.write('');
  log.end();
  await once(incoming, 'end');
  expect(received).toBe(written * line.length);
});

it('a log that is broken off arrives as far as it was written, and is no complete response', async () => {
  const { incoming, log } = await exchange();
  let text = '';
  incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  void log.write('so far\n');
  log.breakOff();
  await expect(once(incoming, 'end')).rejects.toThrow('aborted');
  expect(text).toBe('so far\n');
  expect(incoming.complete).toBe(false);
  expect(log.signal.aborted).toBe(true);
});
