import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createLogCallback,
  createProgressCallback,
  currentOperation,
  DEFAULT_TENANT,
  getActiveOperations,
  HubGateway,
  OperationsService,
  ProgressTracker,
  runWithProgress,
  StreamOperation,
  streamOrchestration,
  type OperationScope,
} from '../../src/library.js';
import type { HubClient } from '../harness/hub-client.js';
import { RunningService } from '../harness/running-service.js';

@Injectable()
class Agent {
  /** S1-56: the seed's MyCustomAgent. */
  @StreamOperation('process_data', (input: string) => ({ input }))
  async processData(input: string): Promise<string> {
    await currentOperation().progress(0.2, 'Loading data');
    await currentOperation().progress(0.8, 'Finalizing');
    return input.toUpperCase();
  }

  @StreamOperation('forgetful')
  async fail(): Promise<never> {
    await Promise.resolve();
    throw new TypeError('Not today');
  }
}

@Module({ providers: [Agent] })
class AgentModule {}

describe('library: work as operations', () => {
  let service: RunningService;
  let operations: OperationsService;
  let watcher: HubClient;

  beforeAll(async () => {
    service = await RunningService.start({}, [AgentModule]);
    operations = service.get(OperationsService);
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    watcher = await service.hub();
    await watcher.ask({ command: 'subscribe_all' });
  });

  /** Type and data of every event until the operation has ended. */
  async function events(last = 'completed'): Promise<(readonly [string, object])[]> {
    return (await watcher.through(last)).map(({ event_type: type, data }) => [type, data] as const);
  }

  it('S1-56, S1-62: run opens an operation, and what the work returns is its result', async () => {
    const value = await operations.run('process_data', { metadata: { input: 'x' } }, async (operation) => {
      await operation.progress(0.2, 'Loading', { rows: 3 });
      await operation.status('thinking', 'hm');
      await operation.log('info', 'going well');
      return { answer: 42 };
    });
    expect(value).toEqual({ answer: 42 });
    expect(await events()).toEqual([
      ['status', { status: 'started', operation_type: 'process_data', metadata: { input: 'x' } }],
      ['progress', { progress: 0.2, message: 'Loading', details: { rows: 3 } }],
      ['status', { status: 'thinking', message: 'hm', details: {} }],
      ['log', { level: 'info', message: 'going well' }],
      ['result', { result: { answer: 42 } }],
      ['completed', { status: 'completed', duration: expect.any(Number) }],
    ]);
  });

  it.each([
    [undefined, null],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [() => 1, null],
    [10n, '10'],
  ])('work that returns %o has the result %o', async (returned, result) => {
    await operations.run('odd', {}, () => returned);
    expect((await events()).find(([type]) => type === 'result')).toEqual(['result', { result }]);
  });

  it('S1-62: what the work throws becomes the error, and is thrown on', async () => {
    const work = operations.run('failing', {}, async () => {
      await Promise.resolve();
      throw new RangeError('out of reach');
    });
    await expect(work).rejects.toThrow(new RangeError('out of reach'));
    expect((await events('error')).at(-1)).toEqual([
      'error',
      { error: 'out of reach', error_type: 'RangeError' },
    ]);
    const thrown: unknown = await operations
      .run('failing', {}, () => {
        // Some libraries do throw strings.
        // oxlint-disable-next-line typescript/only-throw-error
        throw 'plain text';
      })
      .catch((error: unknown) => error);
    expect(thrown).toBe('plain text');
    expect((await events('error')).at(-1)![1]).toMatchObject({ error: 'plain text' });
  });

  it('S1-54: a result the work records itself is the result; what it returns then is not recorded again', async () => {
    await operations.run('explicit', {}, async (operation) => {
      await operation.result('mine');
      expect(operation.ended).toBe(true);
      await operation.progress(0.9, 'too late, and no failure of the work');
      return 'other';
    });
    expect((await events()).slice(1, -1)).toEqual([['result', { result: 'mine' }]]);
    await watcher.expectNothing();
  });

  it.each(['REST', 'hub', 'service'])(
    'cancelling over %s fires the AbortSignal of the work',
    async (face) => {
      let running: OperationScope | undefined;
      const outcome = operations
        .run('long', {}, async (operation) => {
          running = operation;
          await sleep(60_000, undefined, { signal: operation.signal });
        })
        .catch((error: unknown) => error);
      const { operation_id: id } = await watcher.next();
      if (face === 'REST') await service.rest.post(`/api/operations/${id}/cancel`, { reason: 'enough' });
      else if (face === 'hub') {
        const client = await service.hub();
        await client.ask({ command: 'cancel_operation', operation_id: id, reason: 'enough' });
      } else await operations.cancel({ tenant: DEFAULT_TENANT, operationId: id }, 'enough');
      expect(await outcome).toMatchObject({ name: 'AbortError' });
      expect(running!.signal.aborted).toBe(true);
      expect(await events('cancelled')).toEqual([['cancelled', { status: 'cancelled', reason: 'enough' }]]);
      await watcher.expectNothing();
    },
  );

  it('work that was cancelled and returns all the same leaves the operation cancelled', async () => {
    const value = await operations.run('stubborn', {}, async (operation) => {
      await operations.cancel({ tenant: DEFAULT_TENANT, operationId: operation.operationId! });
      return 'finished anyway';
    });
    expect(value).toBe('finished anyway');
    expect((await events('cancelled')).map(([type]) => type)).toEqual(['status', 'cancelled']);
    await watcher.expectNothing();
  });

  it('work that ends itself by an AbortError of its own is recorded as cancelled', async () => {
    const work = operations.run('timeout', {}, () =>
      sleep(60_000, undefined, { signal: AbortSignal.abort() }),
    );
    await expect(work).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }) as Error);
    expect((await events('cancelled')).map(([type]) => type)).toEqual(['status', 'cancelled']);
  });

  it('adopts an operation that is open already; a cancelled one aborts the work at once', async () => {
    const id = await service.rest.open('opened elsewhere');
    await operations.run('ignored', { operationId: id }, () => 'done');
    expect((await events()).map(([type]) => type)).toEqual(['status', 'result', 'completed']);
    const cancelled = await service.rest.open();
    await service.rest.post(`/api/operations/${cancelled}/cancel`);
    const aborted = await operations.run('late', { operationId: cancelled }, ({ signal }) => signal.aborted);
    expect(aborted).toBe(true);
    // One that has ended otherwise stays as it was; the work runs unseen.
    const again = await operations.run('again', { operationId: id }, (operation) => operation.operationId);
    expect(again).toBeNull();
  });

  it('S1-61: failing to emit never breaks the work', async () => {
    const value = await operations.run('careless', {}, async (operation) => {
      await operation.progress(17, 'no such progress');
      await operation.status('', 'no status');
      await operation.log('', 'no level');
      return 'survived';
    });
    expect(value).toBe('survived');
    expect((await events()).map(([type]) => type)).toEqual(['status', 'result', 'completed']);
  });

  it('S1-61: work runs, too, where its operation cannot be opened', async () => {
    const full = await RunningService.start({ MAX_OPERATIONS: '1' });
    try {
      await full.rest.open();
      const seen = await full.get(OperationsService).run('unseen', {}, async (operation) => {
        await operation.progress(0.5, 'to nobody');
        return operation.operationId;
      });
      expect(seen).toBeNull();
    } finally {
      await full.stop();
    }
  });

  it('work that runs when the service stops is told, and its operation says why it ended', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'opstream-stopping-'));
    const stopping = await RunningService.start({ DATA_DIR: folder });
    let id: string | null = null;
    const outcome = stopping
      .get(OperationsService)
      .run('interrupted', {}, (operation) => {
        id = operation.operationId;
        return sleep(60_000, undefined, { signal: operation.signal });
      })
      .catch((error: unknown) => error);
    await expect.poll(() => id).not.toBeNull();
    await stopping.stop();
    expect(await outcome).toMatchObject({ name: 'AbortError' });
    const again = await RunningService.start({ DATA_DIR: folder });
    try {
      const { body } = await again.rest.get(`/api/operations/${id}`);
      expect(body).toMatchObject({ status: 'error', error_type: 'shutting_down' });
    } finally {
      await again.stop();
      await rm(folder, { recursive: true });
    }
  });

  it('S1-56: @StreamOperation and currentOperation', async () => {
    expect(await service.get(Agent).processData('abc')).toBe('ABC');
    expect(await events()).toEqual([
      ['status', { status: 'started', operation_type: 'process_data', metadata: { input: 'abc' } }],
      ['progress', { progress: 0.2, message: 'Loading data', details: {} }],
      ['progress', { progress: 0.8, message: 'Finalizing', details: {} }],
      ['result', { result: 'ABC' }],
      ['completed', { status: 'completed', duration: expect.any(Number) }],
    ]);
    await expect(service.get(Agent).fail()).rejects.toThrow(TypeError);
    expect((await events('error')).at(-1)![1]).toEqual({ error: 'Not today', error_type: 'TypeError' });
  });

  it('S1-56: calls at the same time each have their own current operation', async () => {
    const inputs = Array.from({ length: 20 }, (_, index) => `input-${index}`);
    await Promise.all(inputs.map((input) => service.get(Agent).processData(input)));
    const messages = await watcher.take(20 * 5);
    const results = new Map<string, string[]>();
    for (const { operation_id: id, event_type: type } of messages) {
      results.set(id, [...(results.get(id) ?? []), type]);
    }
    expect([...results.values()]).toEqual(
      inputs.map(() => ['status', 'progress', 'progress', 'result', 'completed']),
    );
  });

  it('currentOperation outside of an operation says what to do', () => {
    expect(() => currentOperation()).toThrow('operations.run');
  });

  it('S1-57: ProgressTracker counts steps, and completes', async () => {
    await operations.run('multi_step', {}, async (operation) => {
      const tracker = new ProgressTracker(operation, 5);
      for (let step = 1; step <= 6; step++) await tracker.step(`Step ${step}`);
      await tracker.complete({ ok: true });
    });
    const progress = (await events()).filter(([type]) => type === 'progress').map(([, data]) => data);
    expect(progress).toMatchObject([0.2, 0.4, 0.6, 0.8, 1, 1].map((value) => ({ progress: value })));
    expect(() => new ProgressTracker({} as OperationScope, 0)).toThrow(RangeError);
  });

  it('X-16: callbacks for libraries that take them', async () => {
    await runWithProgress(operations, 'callback', { metadata: { a: 1 } }, async (report) => {
      await report(0.5, 'half', { n: 1 });
    });
    await operations.run('callbacks', {}, async (operation) => {
      await createProgressCallback(operation)(0.25, 'quarter');
      await createLogCallback(operation)('warning', 'careful');
    });
    expect((await events())[1]).toEqual(['progress', { progress: 0.5, message: 'half', details: { n: 1 } }]);
    expect((await events()).slice(1, 3)).toEqual([
      ['progress', { progress: 0.25, message: 'quarter', details: {} }],
      ['log', { level: 'warning', message: 'careful' }],
    ]);
  });

  it('X-16: an orchestration runs its steps from 0.1 to 0.9', async () => {
    const steps = [
      { name: 'double', run: (value: unknown) => Promise.resolve((value as number) * 2) },
      { name: 'add', run: (value: unknown) => Promise.resolve((value as number) + 1) },
      { name: 'text', run: (value: unknown) => Promise.resolve(`= ${String(value)}`) },
    ];
    expect(await streamOrchestration(operations, 20, steps)).toBe('= 41');
    const progress = (await events()).filter(([type]) => type === 'progress').map(([, data]) => data);
    expect(progress).toMatchObject([
      { progress: 0.1, message: 'double' },
      { progress: 0.5, message: 'add' },
      { progress: expect.closeTo(0.9, 5), message: 'text' },
    ]);
  });

  it('X-16: active operations, and a message to every client', async () => {
    const id = await service.rest.open('still active');
    const active = await getActiveOperations(operations, DEFAULT_TENANT);
    expect(active.map((operation) => operation.operation_id)).toContain(id);
    await watcher.next();
    const message = { event_type: 'notice', operation_id: 'system', timestamp: 1, data: { text: 'hello' } };
    expect(service.get(HubGateway).broadcastToAll(DEFAULT_TENANT, message)).toBeGreaterThanOrEqual(1);
    expect(await watcher.next()).toEqual(message);
  });

  it('S1-58: integrating by hand, with the calls of the service', async () => {
    const { operation } = await operations.create(DEFAULT_TENANT, { operationType: 'my_operation' });
    const { operationId } = operation;
    await operations.progress({ tenant: DEFAULT_TENANT, operationId }, 0.1, 'Starting');
    await operations.error({ tenant: DEFAULT_TENANT, operationId }, 'broken', 'TypeError');
    await expect(
      operations.log({ tenant: DEFAULT_TENANT, operationId }, 'info', 'late'),
    ).rejects.toMatchObject({
      code: 'operation_ended',
    });
    expect((await events('error')).map(([type]) => type)).toEqual(['status', 'progress', 'error']);
  });
});
