import { describe, expect, it, vi } from 'vitest';
import type { Params } from '../protocol/json-rpc.js';
import { PendingRequests, Unanswered } from './pending-requests.js';

const QUICK = { timeoutMs: 20, maxMs: 60_000 };
const SLOW = { timeoutMs: 60_000, maxMs: 60_000 };

function requests() {
  const sent: Params[] = [];
  const abandoned: number[] = [];
  const pending = new PendingRequests({
    send: (text) => void sent.push(JSON.parse(text) as Params),
    abandon: (id) => void abandoned.push(id),
    announcesCancellation: true,
  });
  return { sent, abandoned, pending };
}

describe('requests to a peer', () => {
  it('S3-18 S3-19: answers find their requests in any order, errors too', async () => {
    const { sent, pending } = requests();
    const answers = [0, 1, 2].map((n) => pending.request('m', { n }, SLOW));
    for (const { id, params } of sent.toReversed()) {
      const { n } = params as { n: number };
      const outcome = n === 1 ? { error: { code: 1 } } : { result: { n } };
      expect(pending.settle({ kind: 'response', id: id as number, ...outcome })).toBe(true);
    }
    expect(await Promise.all(answers)).toMatchObject([
      { result: { n: 0 } },
      { error: { code: 1 } },
      { result: { n: 2 } },
    ]);
  });

  it('an answer to nothing, or a second one, is not ours', async () => {
    const { sent, pending } = requests();
    const answer = pending.request('m', {}, SLOW);
    const response = { kind: 'response' as const, id: sent[0]?.id as number, result: {} };
    expect(sent[0]?.id).toBe(1);
    expect(pending.settle(response)).toBe(true);
    expect(pending.settle(response)).toBe(false);
    expect(pending.settle({ ...response, id: 7 })).toBe(false);
    await answer;
  });

  it('S3-28: a timeout tells the peer to stop, except for initialize', async () => {
    const { sent, abandoned, pending } = requests();
    await expect(pending.request('slow', {}, QUICK)).rejects.toThrow(/no answer to slow within 20 ms/);
    expect(sent[1]).toMatchObject({ method: 'notifications/cancelled', params: { requestId: sent[0]?.id } });
    await expect(pending.request('initialize', {}, QUICK)).rejects.toThrow(Unanswered);
    expect(sent).toHaveLength(3);
    expect(abandoned).toEqual([1, 2]);
  });

  it('progress gives a request its time again', async () => {
    vi.useFakeTimers();
    try {
      const { sent, pending } = requests();
      const seen: unknown[] = [];
      const answer = pending.request(
        'm',
        {},
        { timeoutMs: 100, maxMs: 60_000, onProgress: (params) => seen.push(params.progress) },
      );
      const meta = (sent[0]!.params as Params)._meta as Params;
      for (const progress of [1, 2, 3]) {
        vi.advanceTimersByTime(90);
        pending.progress({ progressToken: meta.progressToken, progress }, 1);
      }
      expect(seen).toEqual([1, 2, 3]);
      const failed = expect(answer).rejects.toThrow(/within 100 ms/);
      vi.advanceTimersByTime(100);
      await failed;
    } finally {
      vi.useRealTimers();
    }
  });

  it('a cancelled or lost request ends at once, and their number is bounded', async () => {
    const { pending } = requests();
    const controller = new AbortController();
    const cancelled = pending.request('m', {}, { ...SLOW, signal: controller.signal });
    controller.abort();
    await expect(cancelled).rejects.toThrow(/cancelled/);
    const many = Array.from({ length: 1024 }, () => pending.request('m', {}, SLOW));
    await expect(pending.request('m', {}, SLOW)).rejects.toThrow(/too many/);
    pending.failAll('gone');
    const outcomes = await Promise.allSettled(many);
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
  });
});
