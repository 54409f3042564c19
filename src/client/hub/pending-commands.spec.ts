import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PendingCommands } from './pending-commands.js';

describe('PendingCommands', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('answers by request id, whatever the order', async () => {
    const pending = new PendingCommands(10, 1000);
    const sent: string[] = [];
    const send = (frame: string): void => void sent.push(frame);
    const first = pending.add({ command: 'a' }, true, send);
    const second = pending.add({ command: 'b' }, true, send);
    expect(sent.map((frame) => JSON.parse(frame) as unknown)).toEqual([
      { command: 'a', request_id: '1' },
      { command: 'b', request_id: '2' },
    ]);
    expect(pending.answer({ request_id: '2', n: 2 })).toBe(true);
    expect(pending.answer({ request_id: '1', error: 'no', data: { code: 'forbidden' } })).toBe(true);
    expect(pending.answer({ request_id: '1' })).toBe(false);
    expect(pending.answer({ event_type: 'log' })).toBe(false);
    expect(await second).toMatchObject({ n: 2 });
    await expect(first).rejects.toMatchObject({ code: 'forbidden', message: 'no' });
  });

  it('counts the time from sending, not from waiting for a connection', async () => {
    const pending = new PendingCommands(10, 1000);
    const command = pending.add({ command: 'a' }, true, undefined);
    vi.advanceTimersByTime(60_000);
    expect(pending.size).toBe(1);
    pending.sendAll(() => {});
    const refused = expect(command).rejects.toMatchObject({ code: 'timeout' });
    vi.advanceTimersByTime(3000);
    await refused;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('keeps what may be repeated through a lost connection, and refuses the rest', async () => {
    const pending = new PendingCommands(10, 1000);
    const sent: string[] = [];
    const kept = pending.add({ command: 'emit' }, true, () => {});
    const refused = expect(pending.add({ command: 'subscribe' }, false, () => {})).rejects.toMatchObject({
      code: 'connection_lost',
    });
    pending.connectionLost();
    await refused;
    vi.advanceTimersByTime(60_000);
    pending.sendAll((frame) => sent.push(frame));
    expect(sent).toEqual(['{"command":"emit","request_id":"1"}']);
    pending.answer({ request_id: '1' });
    await kept;
  });

  it('is bounded, abortable and can be refused as a whole', async () => {
    const pending = new PendingCommands(2, 1000);
    const controller = new AbortController();
    const aborted = pending.add({}, true, undefined, controller.signal);
    const other = pending.add({}, true, undefined);
    await expect(pending.add({}, true, undefined)).rejects.toMatchObject({ code: 'queue_full' });
    controller.abort(new Error('never mind'));
    await expect(aborted).rejects.toThrow('never mind');
    await expect(pending.add({}, true, () => {}, controller.signal)).rejects.toThrow('never mind');
    pending.rejectAll(new Error('over'));
    await expect(other).rejects.toThrow('over');
    expect(pending.size).toBe(0);
  });
});
