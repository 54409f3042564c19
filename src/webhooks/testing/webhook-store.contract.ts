import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NewDelivery, Webhook } from '../webhook.js';
import { KEPT_DELIVERIES, MAX_PENDING, type WebhookStore } from '../webhook-store.js';

export interface WebhookStoreFixture {
  open(): WebhookStore;
  close(): void;
}

const webhook = (id: string, more: Partial<Webhook> = {}): Webhook => ({
  id,
  tenant: 'default',
  url: 'https://example.com/hook',
  description: '',
  events: [],
  operationType: null,
  secret: 'whsec_c2VjcmV0IG9mIHR3ZW50eS1mb3VyIGJ5dGVz',
  enabled: true,
  disabledReason: null,
  createdAt: 1,
  ...more,
});
const delivery = (id: string, operationId: string | null = id, createdAt = 1): NewDelivery => ({
  id,
  webhookId: 'w',
  tenant: 'default',
  operationId,
  event: 'operation.completed',
  body: `{"id":"${id}"}`,
  createdAt,
});
const attempt = { at: 2, duration: 5, status: 500, response: 'no', error: null };

/** What every engine of webhooks does alike. */
export function describeWebhookStore(name: string, fixture: () => WebhookStoreFixture): void {
  describe(`webhook store: ${name}`, () => {
    let current: WebhookStoreFixture;
    let store: WebhookStore;
    const claimed = async (at: number, limit = 10): Promise<string[]> =>
      (await store.claim('w', limit, at, at + 60)).map(({ id }) => id);

    beforeEach(async () => {
      current = fixture();
      store = current.open();
      await store.add(webhook('w'));
    });
    afterEach(() => current.close());

    it('keeps webhooks as they are, in the order of their creation, each id once', async () => {
      const full = webhook('v', {
        events: ['operation.failed'],
        operationType: 'mcp.tool/*',
        description: 'Größe',
        enabled: false,
        disabledReason: 'gone',
      });
      expect(await store.add(full)).toBe(true);
      expect(await store.add(webhook('v'))).toBe(false);
      expect(await store.all()).toEqual([webhook('w'), full]);
      await store.update({ ...full, url: 'https://example.org/', enabled: true, disabledReason: null });
      expect((await store.all())[1]).toMatchObject({ url: 'https://example.org/', enabled: true });
      await store.update(webhook('unknown'));
      expect(await store.all()).toHaveLength(2);
    });

    it('remembers how far the log was looked through together with what was found, each delivery once', async () => {
      expect(await store.positions()).toEqual(new Map());
      expect(await store.enqueue('default', 7, [delivery('a'), delivery('b')])).toBe(0);
      expect(await store.enqueue('default', 9, [delivery('b'), delivery('c')])).toBe(0);
      await store.enqueue('other', 3, []);
      expect(await store.positions()).toEqual(
        new Map([
          ['default', 9],
          ['other', 3],
        ]),
      );
      expect(await claimed(1)).toEqual(['a', 'b', 'c']);
      expect(await store.pending()).toBe(3);
    });

    it('gives each delivery to one who asks, until the claim ends or the attempt is recorded', async () => {
      await store.enqueue('default', 1, [delivery('a'), delivery('b')]);
      expect(await claimed(10, 1)).toEqual(['a']);
      expect(await claimed(10)).toEqual(['b']);
      expect(await claimed(69)).toEqual([]);
      expect(await claimed(70)).toEqual(['a', 'b']);
      await store.settle('a', { state: 'pending', nextAt: 75, last: attempt });
      expect(await claimed(74)).toEqual([]);
      expect(await claimed(75)).toEqual(['a']);
      const [one] = (await store.deliveries('w', { limit: 10 })).deliveries.filter(({ id }) => id === 'a');
      expect(one).toEqual({ ...delivery('a'), state: 'pending', attempts: 1, nextAt: 75, last: attempt });
    });

    it("sends one operation's messages in order, and others do not wait for them", async () => {
      await store.enqueue('default', 1, [delivery('a1', 'a'), delivery('a2', 'a'), delivery('b1', 'b')]);
      expect(await claimed(1)).toEqual(['a1', 'b1']);
      await store.settle('a1', { state: 'pending', nextAt: 1000, last: attempt });
      expect(await claimed(100)).toEqual(['b1']);
      await store.settle('a1', { state: 'failed', nextAt: 1000, last: attempt });
      expect(await claimed(100)).toEqual(['a2']);
    });

    it('tests of an address wait for nothing', async () => {
      await store.enqueue('default', 1, [delivery('t1', null), delivery('t2', null)]);
      expect(await claimed(1)).toEqual(['t1', 't2']);
    });

    it('lists deliveries newest first, by state and in pages', async () => {
      await store.enqueue(
        'default',
        1,
        ['a', 'b', 'c'].map((id) => delivery(id)),
      );
      await store.settle('b', { state: 'delivered', nextAt: 2, last: { ...attempt, status: 200 } });
      const first = await store.deliveries('w', { limit: 2 });
      expect(first.deliveries.map(({ id }) => id)).toEqual(['c', 'b']);
      const second = await store.deliveries('w', { limit: 2, cursor: first.nextCursor! });
      expect([second.deliveries.map(({ id }) => id), second.nextCursor]).toEqual([['a'], null]);
      const pending = await store.deliveries('w', { limit: 2, state: 'pending' });
      expect(pending.deliveries.map(({ id }) => id)).toEqual(['c', 'a']);
      expect((await store.deliveries('other', { limit: 2 })).deliveries).toEqual([]);
    });

    it('repeats a delivery under its id, of this webhook alone', async () => {
      await store.enqueue('default', 1, [delivery('a')]);
      await store.settle('a', { state: 'failed', nextAt: 2, last: attempt });
      expect(await claimed(100)).toEqual([]);
      expect(await store.repeat('other', 'a', 5)).toBe(false);
      expect(await store.repeat('w', 'b', 5)).toBe(false);
      expect(await store.repeat('w', 'a', 5)).toBe(true);
      expect(await claimed(5)).toEqual(['a']);
      const [one] = (await store.deliveries('w', { limit: 1 })).deliveries;
      expect(one).toMatchObject({ state: 'pending', attempts: 0 });
    });

    it('a removed webhook takes its deliveries along', async () => {
      await store.enqueue('default', 1, [delivery('a')]);
      await store.remove('w');
      expect(await store.all()).toEqual([]);
      expect(await store.pending()).toBe(0);
      expect(await claimed(1)).toEqual([]);
    });

    it('keeps a bounded number of finished deliveries, and takes a bounded number of waiting ones', async () => {
      const many = Array.from({ length: KEPT_DELIVERIES + 5 }, (_, n) => delivery(`d${n}`));
      await store.enqueue('default', 1, many);
      for (const { id } of many) await store.settle(id, { state: 'delivered', nextAt: 2, last: attempt });
      const kept: string[] = [];
      for (let cursor: number | null | undefined; cursor !== null;) {
        const page = await store.deliveries('w', { limit: 100, cursor });
        kept.push(...page.deliveries.map(({ id }) => id));
        cursor = page.nextCursor;
      }
      expect(kept).toHaveLength(KEPT_DELIVERIES);
      expect(kept.at(-1)).toBe('d5');
      const waiting = Array.from({ length: MAX_PENDING + 2 }, (_, n) => delivery(`w${n}`));
      expect(await store.enqueue('default', 2, waiting)).toBe(2);
      expect(await store.pending()).toBe(MAX_PENDING);
    });
  });
}
