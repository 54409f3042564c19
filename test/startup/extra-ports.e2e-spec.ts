import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HubClient } from '../harness/hub-client.js';
import { freePort } from '../harness/free-port.js';
import { RestClient } from '../harness/rest-client.js';
import { RunningService } from '../harness/running-service.js';
import { SseClient } from '../harness/sse-client.js';

describe('EXTRA_PORTS', () => {
  let service: RunningService;
  let ports: number[];

  beforeAll(async () => {
    ports = [await freePort(), await freePort()];
    service = await RunningService.start({ EXTRA_PORTS: ports.join(',') });
  });
  afterAll(() => service.stop());

  it('every port serves the same: REST, hub and event streams', async () => {
    for (const port of ports) {
      const rest = new RestClient(`http://127.0.0.1:${port}`);
      const id = await rest.open();
      const client = await HubClient.connect(`ws://127.0.0.1:${port}/`);
      await client.subscribe(id);
      const stream = await SseClient.open(`http://127.0.0.1:${port}/api/operations/${id}/stream`);
      await service.rest.emit(id, 'log', { message: 'over the main port' });
      expect((await client.next()).data.message).toBe('over the main port');
      expect((await stream.take(2)).map(({ data }) => data.seq)).toEqual([1, 2]);
      stream.close();
      await client.close();
    }
  });

  it('they close with the service, and their clients are told', async () => {
    const [port] = [await freePort()];
    const other = await RunningService.start({ EXTRA_PORTS: String(port) });
    const client = await HubClient.connect(`ws://127.0.0.1:${port}/`);
    await other.stop();
    expect((await client.closed).code).toBe(1001);
    await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow();
    const again = await RunningService.start({ EXTRA_PORTS: String(port) });
    await again.stop();
  });
});
