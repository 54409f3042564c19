import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { RunningService } from '../harness/running-service.js';

describe('removed operations', () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await RunningService.start({ MAX_OPERATIONS: '3', HUB_AUTO_MONITOR_MS: '0' });
  });
  afterAll(() => service.stop());

  const ended = async () => {
    const id = await service.rest.open();
    await service.rest.emit(id, 'result', { result: 1 });
    return id;
  };

  it('are told to followers of everything on the hub, and to nobody else', async () => {
    const [all, one] = [await service.hub(), await service.hub()];
    const id = await ended();
    await all.ask({ command: 'subscribe_all' });
    await one.ask({ command: 'subscribe', operation_id: id });
    await service.rest.request('DELETE', `/api/operations/${id}`);
    expect(await all.next()).toMatchObject({
      event_type: 'operation_removed',
      operation_id: id,
      data: { operation_id: id },
    });
    await one.expectNothing();
    all.terminate();
  });

  it('are told on the event stream of everything, also when retention removes them', async () => {
    const oldest = await ended();
    const response = await fetch(`${service.http}/api/stream`);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const pump = (async () => {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        text += value;
      }
    })();
    for (let n = 0; n < 3; n++) await ended();
    await eventually('the removal is told', () =>
      new RegExp(
        `event: operation_removed\\ndata: {"event_type":"operation_removed","operation_id":"${oldest}"`,
      ).test(text),
    );
    await reader.cancel();
    await pump;
  });
});
