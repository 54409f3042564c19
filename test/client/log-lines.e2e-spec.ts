import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HubClient, RestClient } from '../../src/client/index.js';
import { RunningService } from '../harness/running-service.js';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('the log as lines, in the SDK', () => {
  let service: RunningService;
  let rest: RestClient;

  beforeAll(async () => {
    service = await RunningService.start({ MAX_STREAMS_PER_USER: '2' });
    rest = new RestClient({ url: service.http });
  });
  afterAll(() => service.stop());

  const logged = async (...messages: [level: string, message: string][]): Promise<string> => {
    const id = await service.rest.open();
    for (const [level, message] of messages) await service.rest.emit(id, 'log', { level, message });
    return id;
  };

  it('yields one line after the other, and ends', async () => {
    const id = await logged(['info', 'one\ntwo'], ['debug', ''], ['error', 'grüße 日本']);
    expect(await all(rest.log(id))).toEqual(['one', 'two', '', 'grüße 日本']);
    expect(await all(rest.log(id, { level: 'error' }))).toEqual(['grüße 日本']);
    expect(await all(rest.log(id, { afterSeq: 3 }))).toEqual(['grüße 日本']);
    const [line] = await all(rest.log(id, { level: 'error', timestamps: 'elapsed' }));
    expect(line).toMatch(/^\+\d+\.\d{3}s grüße 日本$/);
    const hub = new HubClient({ url: service.http });
    expect(await all(hub.log(id, { level: 'error' }))).toEqual(['grüße 日本']);
    hub.close();
    expect((await all(rest.logEvents(id))).map((event) => event.data)).toMatchObject([
      { message: 'one\ntwo' },
      { message: '' },
      { level: 'error' },
    ]);
  });

  it('follows until the end of the operation', async () => {
    const id = await logged(['info', 'before']);
    const lines = rest.log(id, { follow: true });
    expect((await lines.next()).value).toBe('before');
    await service.rest.emit(id, 'log', { message: 'live' });
    expect((await lines.next()).value).toBe('live');
    await service.rest.emit(id, 'result', { result: 1 });
    expect(await lines.next()).toEqual({ done: true, value: undefined });
  });

  it('stops by its signal and by leaving the loop, and gives its place back', async () => {
    const id = await logged(['info', 'one']);
    for (let n = 0; n < 5; n++) {
      const aborter = new AbortController();
      for await (const line of rest.log(id, { follow: true, signal: aborter.signal })) {
        expect(line).toBe('one');
        aborter.abort();
      }
      await expect
        .poll(async () => {
          for await (const _ of rest.log(id, { follow: true })) break;
          return 'left';
        })
        .toBe('left');
    }
  });

  it('is refused for an operation that is not there', async () => {
    await expect(all(rest.log('nobody'))).rejects.toMatchObject({ code: 'operation_not_found' });
    await expect(all(rest.log('a/../b'))).rejects.toMatchObject({ code: 'invalid_operation_id' });
  });

  it('an operation that is deleted while its log is followed is no complete log', async () => {
    const id = await service.rest.open();
    const batch = Array.from({ length: 100 }, () => ({
      event_type: 'log',
      data: { message: 'x'.repeat(60_000) },
    }));
    // More than the sockets between them hold.
    for (let n = 0; n < 4; n++) await service.rest.post(`/api/operations/${id}/events`, batch);
    const lines = rest.log(id, { follow: true });
    await lines.next();
    await service.rest.emit(id, 'result', { result: 1 });
    expect((await service.rest.request('DELETE', `/api/operations/${id}`)).status).toBe(204);
    let more = 0;
    const readOn = async () => {
      for await (const _ of lines) more++;
    };
    await expect(readOn()).rejects.toMatchObject({ code: 'operation_not_found' });
    expect(more).toBeLessThan(399);
  });

  it('says that a log broke off when the service stops', async () => {
    const stopping = await RunningService.start();
    const id = await stopping.rest.open();
    await stopping.rest.emit(id, 'log', { message: 'so far' });
    const lines = new RestClient({ url: stopping.http }).log(id, { follow: true });
    expect((await lines.next()).value).toBe('so far');
    await stopping.stop();
    await expect(lines.next()).rejects.toMatchObject({ retryable: true });
  });
});
