import { createServer } from 'node:net';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  InvalidConfigurationError,
  isWebSocketRunning,
  startWebSocketBackground,
  stopWebSocketBackground,
  WEBSOCKETS_AVAILABLE,
  type OpstreamOptions,
} from '../../src/library.js';
import { freePort } from '../harness/free-port.js';
import { HubClient } from '../harness/hub-client.js';
import { RestClient } from '../harness/rest-client.js';

describe('library: the service in the background of a program', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'opstream-background-'));
  });
  afterEach(async () => {
    await stopWebSocketBackground();
    await rm(folder, { recursive: true });
  });

  const start = (port = 0, settings: OpstreamOptions = {}) =>
    startWebSocketBackground({ port, settings: { dataDir: folder, ...settings }, logger: false });

  it('S1-16, S1-23…25: starts, says that it runs, stops, and can start again', async () => {
    expect(WEBSOCKETS_AVAILABLE).toBe(true);
    expect(isWebSocketRunning()).toBe(false);
    const service = await start();
    expect(isWebSocketRunning()).toBe(true);
    const client = await HubClient.connect(`ws://127.0.0.1:${service.port}/`);
    await client.ask({ command: 'subscribe_all' });
    await service.operations.run('work', {}, () => 'done');
    expect((await client.through('completed')).map(({ event_type: type }) => type)).toEqual([
      'status',
      'result',
      'completed',
    ]);
    await stopWebSocketBackground();
    expect(isWebSocketRunning()).toBe(false);
    expect((await client.closed).code).toBe(1001);

    const again = await start(service.port);
    expect(again.port).toBe(service.port);
    const { body } = await new RestClient(again.url).get('/api/stats');
    expect(body).toMatchObject({ total_operations: 1 });
  });

  it('S1-23: a second start while it runs gives the same service', async () => {
    const [one, two] = await Promise.all([start(), start()]);
    expect(two.port).toBe(one.port);
  });

  it('S1-23: writes nothing to the output of the program', async () => {
    const written = vi.spyOn(process.stdout, 'write');
    try {
      const service = await startWebSocketBackground({ port: 0, settings: { dataDir: folder } });
      await new RestClient(service.url).get('/api/stats');
      await stopWebSocketBackground();
      expect(written.mock.calls).toEqual([]);
    } finally {
      written.mockRestore();
    }
  });

  it('S1-24: stopping what does not run does nothing', async () => {
    await stopWebSocketBackground();
    expect(isWebSocketRunning()).toBe(false);
  });

  it('S1-20, S1-22: port and settings are given in code, before the start', async () => {
    const port = await freePort();
    const service = await start(port, { maxOperations: 1, hubAutoMonitorMs: 0 });
    expect(service.url).toBe(`http://127.0.0.1:${port}`);
    const rest = new RestClient(service.url);
    await rest.open();
    const refused = await rest.post('/api/operations', { operation_type: 'x' });
    expect(refused.body.code).toBe('too_many_operations');
  });

  it('S1-19, S1-22: with the sockets off, REST is served and nothing runs', async () => {
    const service = await start(0, { enableWebsocket: false });
    expect(isWebSocketRunning()).toBe(false);
    const { body } = await new RestClient(service.url).get('/api/status');
    expect(body).toEqual({ available: false, running: false, stats: null });
  });

  it('S1-64: a port in use, or a setting that is not valid, is thrown, and the next start works', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expect(start(port)).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: `Port ${port} on 127.0.0.1 is in use by another program. Stop it, or set another one (PORT, EXTRA_PORTS).`,
    });
    other.close();
    await expect(start(0, { maxOperations: -1 })).rejects.toThrow(InvalidConfigurationError);
    expect(isWebSocketRunning()).toBe(false);
    await start();
    expect(isWebSocketRunning()).toBe(true);
  });
});
