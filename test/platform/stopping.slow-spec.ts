import { once } from 'node:events';
import { createConnection } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ServiceProcess } from '../harness/service-process.js';

describe('stopping the service that is held up', () => {
  it('S4-68: gives up after 10 s with exit code 1', async () => {
    const service = await ServiceProcess.start();
    // A request whose body never comes is a request in progress.
    const socket = createConnection(service.port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(
      'POST /api/operations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{',
    );
    const began = performance.now();
    expect(await service.stop()).toBe(1);
    expect(performance.now() - began).toBeGreaterThan(9000);
    expect(service.output).toContain('Forced shutdown after timeout');
    socket.destroy();
  }, 30_000);
});
