import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningService } from '../harness/running-service.js';

describe('hub: how much is kept', () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await RunningService.start();
  });
  afterAll(() => service.stop());

  it('S1-67: 1100 finished operations stay within the limit of 1000, the newest kept', async () => {
    const client = await service.hub();
    for (let index = 0; index < 1100; index++) {
      const operationId = `bulk-${index}`;
      client.send({ command: 'create_operation', operation_type: 'bulk', operation_id: operationId });
      client.send({
        command: 'emit',
        operation_id: operationId,
        event_type: 'result',
        data: { result: index },
      });
    }
    const answers = await client.take(2200);
    expect(answers.filter(({ event_type: type }) => type === 'command_error')).toEqual([]);
    const { stats } = await client.ask({ command: 'get_stats' });
    expect(stats).toMatchObject({ total_operations: 1000, active_operations: 0 });
    const kept = async (id: string) =>
      (await client.ask({ command: 'get_operation', operation_id: id })).operation !== null;
    expect([await kept('bulk-0'), await kept('bulk-99')]).toEqual([false, false]);
    expect([await kept('bulk-100'), await kept('bulk-1099')]).toEqual([true, true]);
  });

  it('S1-67: running operations are never removed: beyond the limit none can be opened', async () => {
    const small = await RunningService.start({ MAX_OPERATIONS: '3' });
    try {
      const client = await small.hub();
      const ids = [await small.rest.open(), await small.rest.open(), await small.rest.open()];
      const open = () => client.ask({ command: 'create_operation', operation_type: 'one more' });
      expect((await open()).data.code).toBe('too_many_operations');
      await small.rest.emit(ids[1]!, 'result', { result: 1 });
      expect((await open()).status).toBe('created');
      const answer = await client.ask({ command: 'get_operation', operation_id: ids[1] });
      expect(answer.operation).toBeNull();
    } finally {
      await small.stop();
    }
  });

  it('S1-68: ended operations can be removed; running ones cannot', async () => {
    const id = await service.rest.open();
    const remove = () => service.rest.request('DELETE', `/api/operations/${id}`);
    expect((await remove()).body.code).toBe('operation_running');
    await service.rest.emit(id, 'error', { error: 'x' });
    expect((await remove()).status).toBe(204);
    expect((await remove()).body.code).toBe('operation_not_found');
  });
});
