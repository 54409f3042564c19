import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../harness/free-port.js';
import { HubClient } from '../harness/hub-client.js';
import { RestClient } from '../harness/rest-client.js';
import { ServiceProcess } from '../harness/service-process.js';
import { SseClient } from '../harness/sse-client.js';

describe('starting and stopping the built service', () => {
  it('S1-18, S4-65, S4-66, S4-67: says what it does, greets, and ends in order with code 0', async () => {
    const service = await ServiceProcess.start();
    const { port } = service;
    for (const line of [
      'WebSocket manager initialized',
      'Starting WebSocket server on 127.0.0.1:',
      `WebSocket server started on port ${port}`,
      `WebSocket server started on ws://127.0.0.1:${port}`,
      `Server running on port ${port}`,
      'WebSocket server running on path: /agents',
    ]) {
      expect(service.output).toContain(line);
    }
    const client = await HubClient.connect(`ws://127.0.0.1:${port}/hub`);
    const stream = await SseClient.open(`${service.url}/api/stream`);
    const id = await new RestClient(service.url).open();
    await stream.take(1);
    expect(id).toBeTruthy();
    expect(await service.stop()).toBe(0);
    expect((await client.closed).code).toBe(1001);
    await stream.end();
    expect(service.output).toContain('Shutting down server...');
    expect(service.output).toContain('WebSocket server shut down');
  });

  it('S1-20: WEBSOCKET_PORT is accepted for PORT; Ctrl-C ends it in order too', async () => {
    const port = await freePort();
    // Empty means not set, as in a `.env` that waits to be filled in.
    const unset = { PORT: '', LOG_LEVEL: '', STORE: '', HOST: '', MAX_OPERATIONS: '', ENABLE_WEBSOCKET: '' };
    const service = await ServiceProcess.start({
      ...unset,
      WEBSOCKET_PORT: String(port),
      JWT_SECRET: 'guess-me',
    });
    expect(service.port).toBe(port);
    expect(service.output).toContain('JWT_SECRET has fewer than 32 bytes');
    expect(service.output).not.toContain('guess-me');
    // What a person sees is what the service does, not every module and route of its framework.
    expect(service.output).not.toContain('RouterExplorer');
    expect(await service.stop('SIGINT')).toBe(0);
  });

  describe('what it cannot start with ends it with code 1 and a sentence', () => {
    let folder: string;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'opstream-starting-'));
    });
    afterAll(() => rm(folder, { recursive: true }));

    it('S1-64: a port in use', async () => {
      const other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      const { port } = other.address() as { port: number };
      const { code, output } = await ServiceProcess.failure({ PORT: String(port) });
      expect(code).toBe(1);
      expect(output).toContain(`Port ${port} on 127.0.0.1 is in use by another program`);
      expect(output).not.toContain('EADDRINUSE');
      const extra = await ServiceProcess.failure({ EXTRA_PORTS: String(port) });
      expect(extra.code).toBe(1);
      expect(extra.output).toContain(`Port ${port} on 127.0.0.1 is in use by another program`);
      other.close();
    });

    it('settings that are not valid, all of them at once', async () => {
      const { code, output } = await ServiceProcess.failure({
        EXTRA_PORTS: '80,none',
        LOG_LEVEL: 'loud',
        MAX_OPERATIONS: 'many',
        STORE: 'floppy',
      });
      expect(code).toBe(1);
      for (const name of ['EXTRA_PORTS', 'LOG_LEVEL', 'MAX_OPERATIONS', 'STORE'])
        expect(output).toContain(name);
      expect(output).not.toMatch(/\bat .*\.js:\d+/);
    });

    it('S1-21 S3-23: an address that others can reach, without a key', async () => {
      const { code, output } = await ServiceProcess.failure({ HOST: '0.0.0.0' });
      expect(code).toBe(1);
      expect(output).toContain('JWT_SECRET');
    });

    it('WEBSOCKET_PATH that belongs to another protocol', async () => {
      const { code, output } = await ServiceProcess.failure({ WEBSOCKET_PATH: '/mcp' });
      expect(code).toBe(1);
      expect(output).toContain('WEBSOCKET_PATH');
    });

    it.each(['/proc/opstream', '/dev/null'])('DATA_DIR %s, where no folder can be', async (DATA_DIR) => {
      const { code, output } = await ServiceProcess.failure({ DATA_DIR });
      expect(code).toBe(1);
      expect(output).toMatch(/opstream\.db cannot be opened: .*Check DATA_DIR\.$/m);
    });

    it('a file in the place of its database, which stays as it was', async () => {
      const file = join(folder, 'opstream.db');
      await writeFile(file, 'somebody else’s notes');
      const { code, output } = await ServiceProcess.failure({ DATA_DIR: folder });
      expect(code).toBe(1);
      expect(output).toContain('opstream.db');
      expect(await readFile(file, 'utf8')).toBe('somebody else’s notes');
    });
  });
});
