import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../platform/sqlite/sqlite-database.js';
import { LocalEventBus } from './adapters/local-event-bus.js';
import { SqliteOperationStore } from './adapters/sqlite-operation-store.js';
import { parseDraft } from './operation-draft.js';
import { DEFAULT_TENANT as TENANT } from '../auth/principal.js';
import { OperationsService } from './operations.service.js';

const PAGE = { limit: 1000, maxBytes: 1e9 };

describe('OperationsService on SQLite', () => {
  let directory: string;
  let bus: LocalEventBus;
  let service: OperationsService;
  let published: string[];

  const start = () => {
    const limits = { maxOperations: 3, maxToolOperations: 10, maxEventsPerOperation: 1000, maxAge: 0 };
    const database = openDatabase(join(directory, 'opstream.db'), 'normal');
    bus = new LocalEventBus();
    service = new OperationsService(new SqliteOperationStore(database, limits), bus);
    published = [];
    bus.events$.subscribe((events) =>
      published.push(...events.map(({ operationId, seq, type }) => `${operationId} ${seq} ${type}`)),
    );
    bus.removed$.subscribe((removed) =>
      published.push(...removed.map(({ operationId }) => `${operationId} removed`)),
    );
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'opstream-service-'));
    start();
  });
  afterEach(async () => {
    await service.onApplicationShutdown();
    rmSync(directory, { recursive: true });
  });

  const create = (operationId: string) => service.create(TENANT, { operationType: 'build', operationId });

  it('runs an operation through its life; what it acknowledged is stored and was published (S1-50…55)', async () => {
    const { operation, created } = await service.create(TENANT, {
      operationType: 'build',
      metadata: { k: 1 },
    });
    expect(created).toBe(true);
    const id = operation.operationId;
    expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    await service.progress({ tenant: TENANT, operationId: id }, 0.5, 'Halfway', { step: 1 });
    await service.status({ tenant: TENANT, operationId: id }, 'processing');
    await service.log({ tenant: TENANT, operationId: id }, 'warning', 'careful');
    const receipt = await service.result({ tenant: TENANT, operationId: id }, { lines: 3 });
    expect(receipt).toMatchObject({
      seq: 5,
      repeated: false,
      operation: { state: 'completed', eventCount: 6 },
    });
    const types = ['status', 'progress', 'status', 'log', 'result', 'completed'];
    expect(published).toEqual(types.map((type, n) => `${id} ${n + 1} ${type}`));
    const { events } = await service.history({ tenant: TENANT, operationId: id }, 0, PAGE);
    expect(events.map(({ type }) => type)).toEqual(types);
    expect((await service.historyOfAll(TENANT, 4, PAGE)).events.map(({ seq }) => seq)).toEqual([5, 6]);
  });

  it('rejects, and never throws, what is not valid (S1-61, X-13)', async () => {
    await create('a');
    const attempts: [attempt: () => Promise<unknown>, code: string][] = [
      [() => service.progress({ tenant: TENANT, operationId: 'a' }, 1.5), 'invalid_event'],
      [() => service.progress({ tenant: TENANT, operationId: 'a' }, NaN), 'invalid_event'],
      [() => service.log({ tenant: TENANT, operationId: 'a' }, '', 'x'), 'invalid_event'],
      [() => service.error({ tenant: TENANT, operationId: 'nobody' }, 'x'), 'operation_not_found'],
      [() => service.create(TENANT, { operationType: 5 }), 'invalid_request'],
      [() => service.create(TENANT, { operationType: 'x', operationId: '../x' }), 'invalid_operation_id'],
      [() => service.create(TENANT, { operationType: 'other', operationId: 'a' }), 'operation_exists'],
      [() => service.get({ tenant: TENANT, operationId: 'nobody' }), 'operation_not_found'],
      [() => service.history({ tenant: TENANT, operationId: 'nobody' }, 0, PAGE), 'operation_not_found'],
      [() => service.list(TENANT, { limit: 1, cursor: 'x' }), 'invalid_cursor'],
      [() => service.remove({ tenant: TENANT, operationId: 'a' }), 'operation_running'],
      [() => service.remove({ tenant: TENANT, operationId: 'nobody' }), 'operation_not_found'],
    ];
    for (const [attempt, code] of attempts) await expect(attempt()).rejects.toMatchObject({ code });
    expect(published).toEqual(['a 1 status']);
  });

  it('answers a repeated append and a repeated creation with the first answer, and publishes nothing', async () => {
    await create('a');
    const draft = parseDraft('result', { result: 1 }, 'my-id');
    const first = await service.append({ tenant: TENANT, operationId: 'a' }, draft);
    const again = await service.append({ tenant: TENANT, operationId: 'a' }, draft);
    expect(again).toMatchObject({ seq: first.seq, timestamp: first.timestamp, repeated: true });
    expect(await create('a')).toMatchObject({ created: false, operation: { state: 'completed' } });
    expect(published).toHaveLength(3);
  });

  it('tells followers of removed operations, after the events before', async () => {
    for (const id of ['a', 'b', 'c']) await create(id);
    await Promise.all([service.error({ tenant: TENANT, operationId: 'b' }, 'broken'), create('d')]);
    await expect.poll(() => published.at(-1)).toBe('b removed');
    expect(published.slice(3)).toEqual(['b 2 error', 'd 1 status', 'b removed']);
    await service.cancel({ tenant: TENANT, operationId: 'a' }, 'enough');
    await service.remove({ tenant: TENANT, operationId: 'a' });
    await expect.poll(() => published.at(-1)).toBe('a removed');
  });

  it('records what was accepted before it stops, refuses what comes later, and finds all of it again', async () => {
    await create('a');
    const accepted = Array.from({ length: 100 }, (_, n) =>
      service.log({ tenant: TENANT, operationId: 'a' }, 'info', `${n}`),
    );
    const stopping = service.onApplicationShutdown();
    await expect(service.log({ tenant: TENANT, operationId: 'a' }, 'info', 'late')).rejects.toMatchObject({
      code: 'shutting_down',
    });
    await Promise.all(accepted);
    await stopping;
    start();
    expect(await service.get({ tenant: TENANT, operationId: 'a' })).toMatchObject({
      eventCount: 101,
      state: 'running',
    });
    expect(await service.counts(TENANT)).toEqual({ active: 1, total: 1 });
  });
});
