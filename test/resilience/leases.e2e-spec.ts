import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OperationProducer, RestClient } from '../../src/client/index.js';
import { MemoryOperationStore } from '../../src/operations/adapters/memory-operation-store.js';
import { LocalEventBus } from '../../src/operations/adapters/local-event-bus.js';
import { OperationLeases } from '../../src/operations/operation-leases.js';
import { OperationsService } from '../../src/operations/operations.service.js';
import { RunningService } from '../harness/running-service.js';

const LIMITS = { maxOperations: 100, maxToolOperations: 10, maxEventsPerOperation: 1000, maxAge: 0 };

describe('leases of running work', () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await RunningService.start();
  });
  afterAll(() => service.stop());

  const state = async (id: string) => (await service.rest.get(`/api/operations/${id}`)).body;
  const open = (operation_id: string, lease_seconds: unknown) =>
    service.rest.post('/api/operations', { operation_type: 't', operation_id, lease_seconds });

  it('an operation whose producer falls silent ends as Stalled, and one that is renewed does not', async () => {
    expect((await open('silent', 1)).status).toBe(201);
    expect((await open('renewed', 1)).status).toBe(201);
    expect((await open('by-hub', 1)).status).toBe(201);
    const client = await service.hub();
    const renewing = setInterval(() => {
      void service.rest.post('/api/operations/renewed/events', []);
      void client.ask({ command: 'renew', operation_id: 'by-hub' });
    }, 200);
    try {
      await expect
        .poll(() => state('silent'), { timeout: 8000 })
        .toMatchObject({
          status: 'error',
          error_type: 'Stalled',
        });
      expect(await state('renewed')).toMatchObject({ status: 'running', event_count: 1 });
      expect(await state('by-hub')).toMatchObject({ status: 'running', event_count: 1 });
    } finally {
      clearInterval(renewing);
    }
    await expect.poll(() => state('renewed'), { timeout: 8000 }).toMatchObject({ error_type: 'Stalled' });
  });

  it.each([0, -1, 'x', 1e9, true])('refuses lease_seconds %o', async (lease) => {
    const answer = await open('refused', lease);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });

  it('a producer of the SDK keeps its lease while it has nothing to say, and rejects an end that was refused', async () => {
    const rest = new RestClient({ url: service.http });
    const job = new OperationProducer(rest, 'quiet', { leaseSeconds: 1 });
    job.open();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(await state(job.operationId)).toMatchObject({ status: 'running' });
    await expect(job.error('x', '')).rejects.toMatchObject({ code: 'invalid_event' });
    job.close();
  });

  it('what a run of the service worked on itself ends as Interrupted at the next start', async () => {
    const store = new MemoryOperationStore(LIMITS);
    const first = new OperationsService(store, new LocalEventBus());
    void first.run('work', { operationId: 'mine' }, () => new Promise(() => {}));
    await first.create('default', { operationType: 'remote', operationId: 'theirs' });
    const bus = new LocalEventBus();
    const second = new OperationsService(store, bus);
    const leases = new OperationLeases(second, bus);
    await leases.onApplicationBootstrap();
    expect(await second.get({ tenant: 'default', operationId: 'mine' })).toMatchObject({
      state: 'error',
      errorType: 'Interrupted',
    });
    expect(await second.get({ tenant: 'default', operationId: 'theirs' })).toMatchObject({
      state: 'running',
    });
    leases.onModuleDestroy();
  });
});
