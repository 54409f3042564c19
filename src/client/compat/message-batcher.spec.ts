import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LogEntry } from '../client-logger.js';
import {
  MessageBatcher,
  type FlushReason,
  type MessageBatch,
  type MessageBatcherOptions,
} from './message-batcher.js';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('MessageBatcher', () => {
  let batches: [MessageBatch<unknown>, FlushReason][];
  let batcher: MessageBatcher;

  beforeEach(() => {
    vi.useFakeTimers();
    batches = [];
  });

  afterEach(() => {
    batcher.stop();
    vi.useRealTimers();
  });

  function create(options?: MessageBatcherOptions): MessageBatcher {
    batcher = new MessageBatcher(options);
    batcher.on('batch', (batch, reason) => batches.push([batch, reason]));
    return batcher;
  }

  it('S4-59 S4-60 S4-62 flushes ten messages as one batch', () => {
    create();
    for (let index = 0; index < 11; index++) batcher.add({ index });
    expect(batches).toHaveLength(1);
    const [batch, reason] = batches[0]!;
    expect(reason).toBe('batch_full');
    expect(batch).toMatchObject({ type: 'batch', count: 10 });
    expect(batch.messages).toEqual(Array.from({ length: 10 }, (_, index) => ({ index })));
    expect(batch.id).toMatch(UUID_V4);
    expect(new Date(batch.timestamp).toISOString()).toBe(batch.timestamp);
    expect(batcher.getCount()).toBe(1);
  });

  it('S4-61 S4-63 the timer flushes what there is, and nothing when there is nothing', () => {
    create();
    vi.advanceTimersByTime(3500);
    expect(batches).toEqual([]);
    batcher.add('a');
    vi.advanceTimersByTime(500);
    expect(batches.map(([batch, reason]) => [batch.messages, reason])).toEqual([[['a'], 'timer']]);
  });

  it('S4-60 X-54 a message after a long silence goes at once', () => {
    create({ flushInterval: 60_000 });
    vi.advanceTimersByTime(5000);
    batcher.add('late');
    expect(batches.map(([batch, reason]) => [batch.messages, reason])).toEqual([[['late'], 'batch_age']]);
    batcher.add('soon');
    expect(batches).toHaveLength(1);
  });

  it('S4-63 S4-64 forceFlush, clear and stop, with their log events', () => {
    const logged: LogEntry[] = [];
    create({
      batchSize: 5,
      logger: { debug: (entry) => void logged.push(entry), info: () => {}, error: () => {} },
    });
    batcher.forceFlush();
    batcher.add(1);
    batcher.forceFlush();
    batcher.add(2);
    batcher.clear();
    batcher.forceFlush();
    batcher.add(3);
    batcher.stop();
    batcher.add(4);
    vi.advanceTimersByTime(10_000);
    expect(batches.map(([batch, reason]) => [batch.messages, reason])).toEqual([
      [[1], 'force'],
      [[3], 'stop'],
    ]);
    expect(logged.map(({ event, reason }) => [event, reason])).toEqual([
      ['message_batch_flushed', 'force'],
      ['message_batch_cleared', undefined],
      ['message_batch_flushed', 'stop'],
    ]);
    batcher.clear();
  });
});
