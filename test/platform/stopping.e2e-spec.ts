import { createConnection, type Socket } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { HubClient } from '../harness/hub-client.js';
import { JsonSocket } from '../harness/json-socket.js';
import { RestClient } from '../harness/rest-client.js';
import { ServiceProcess } from '../harness/service-process.js';
import { SseClient } from '../harness/sse-client.js';
import { SECRET, sign } from '../harness/tokens.js';

/** A socket that speaks HTTP by hand, and reads only what the kernel buffers. */
async function rawSocket(service: ServiceProcess, text: string): Promise<Socket> {
  const socket = createConnection(service.port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.pause();
  socket.write(text);
  return socket;
}

describe('stopping the service', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'S4-67 S4-41: on %s subscribers get what is recorded and 1001, streams end, and it exits with 0',
    async (signal) => {
      const service = await ServiceProcess.start({ JWT_SECRET: SECRET });
      const rest = new RestClient(service.url);
      const ws = service.url.replace('http', 'ws');
      const operationId = await rest.open();
      const hub = await HubClient.connect(`${ws}/hub`);
      const agent = await JsonSocket.connect(`${ws}/agents?token=${await sign({ id: 'a' })}`);
      const stream = await SseClient.open(`${service.url}/api/operations/${operationId}/stream`);
      await hub.subscribe(operationId);
      await rest.emit(operationId, 'log', { level: 'info', message: 'last words' });
      const code = await service.stop(signal);
      expect(code).toBe(0);
      expect(await hub.closed).toEqual({ code: 1001, reason: 'Going away' });
      expect((await agent.closed).code).toBe(1001);
      await stream.end();
      expect(hub.inbox.at(-1)).toMatchObject({ event_type: 'log', data: { message: 'last words' } });
      for (const line of ['Shutting down server...', 'WebSocket server shut down', 'HTTP server closed']) {
        expect(service.output).toContain(line);
      }
      expect(service.output).not.toContain('Forced shutdown');
    },
  );

  it('S4-41: a client that reads nothing and one that never answers do not hold it up', async () => {
    const service = await ServiceProcess.start();
    const rest = new RestClient(service.url);
    const operationId = await rest.open();
    const upgrade =
      'GET /hub HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';
    const stalled = await rawSocket(service, upgrade);
    const reader = await rawSocket(
      service,
      `GET /api/operations/${operationId}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`,
    );
    const message = 'x'.repeat(60_000);
    for (let n = 0; n < 100; n += 1) await rest.emit(operationId, 'log', { level: 'info', message });
    const began = performance.now();
    expect(await service.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(8000);
    stalled.destroy();
    reader.destroy();
  });
});
