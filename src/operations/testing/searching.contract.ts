import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { LEVELS, levelOf } from '../../client/protocol/log-level.js';
import type { LogFilter } from '../log-filter.js';
import { searchLog, type LogMatches, type LogQuery, type SearchLimits } from '../log-search.js';
import { EVENT_TYPES, type RecordedEvent } from '../operation-event.js';
import {
  finish,
  line,
  opening,
  recording,
  TENANT,
  UNBOUNDED,
  type StoreDriver,
  type StoreFixture,
  type TestEvent,
} from './store-fixture.contract.js';

const KEY = { tenant: TENANT, operationId: 'a' };
const ENDLESS: SearchLimits = { events: Infinity, characters: Infinity };

const seqs = (events: readonly RecordedEvent[]) => events.map(({ seq }) => seq);

/** Reading backward, filters and search: the port and what is built on it. */
export function describeSearching(fixture: () => StoreFixture): void {
  let store: StoreDriver;
  const search = (query: Partial<LogQuery>, limits = ENDLESS): Promise<LogMatches> =>
    searchLog(
      store.port,
      KEY,
      { filter: {}, afterSeq: 0, count: false, bounds: UNBOUNDED, ...query },
      limits,
    );

  const long = async (events: number) =>
    store.done(
      opening('a'),
      recording(
        'a',
        Array.from({ length: events - 1 }, (_, n) => line((n + 2) % 100 === 0 ? 'needle' : 'hay')),
      ),
    );
  const found = async (text: string) => seqs((await search({ filter: { text } })).events);

  describe('reading a log backward', () => {
    beforeEach(async () => void (store = await fixture().open({ maxEventsPerOperation: 10 })));

    it('yields the events before a seq, newest first, within the bounds', async () => {
      await store.done(opening('a'), opening('b'), recording('a', [line('two'), line('three'.padEnd(500))]));
      const before = async (seq: number, limit = 100, maxBytes = 10_000) =>
        seqs((await store.port.readOperationBefore(KEY, seq, { limit, maxBytes }))!.events);
      expect(await before(4)).toEqual([3, 2, 1]);
      expect(await before(Number.MAX_SAFE_INTEGER)).toEqual([3, 2, 1]);
      expect(await before(3)).toEqual([2, 1]);
      expect(await before(1)).toEqual([]);
      expect(await before(0)).toEqual([]);
      expect(await before(4, 2)).toEqual([3, 2]);
      expect(await before(4, 10, 400)).toEqual([3]);
      expect(await store.port.readOperationBefore({ ...KEY, operationId: 'c' }, 4, UNBOUNDED)).toBeNull();
    });

    it('ends where the log was trimmed, and says so', async () => {
      await store.done(
        opening('a'),
        recording(
          'a',
          Array.from({ length: 24 }, (_, n) => line(`${n + 2}`)),
        ),
      );
      const page = (await store.port.readOperationBefore(KEY, 18, UNBOUNDED))!;
      expect({ ...page, events: seqs(page.events) }).toEqual({ events: [17, 16], first: 16, head: 25 });
      expect(await search({ beforeSeq: 18 })).toMatchObject({ first: 16, searchedFrom: 16, hasMore: false });
    });
  });

  describe('searching a log', () => {
    beforeEach(async () => void (store = await fixture().open()));

    it('finds the next and the previous match of any place, and how many there are', async () => {
      await long(1000);
      const one = { limit: 1, maxBytes: UNBOUNDED.maxBytes };
      const filter = { text: 'NEEDLE' };
      const next = await search({ filter, afterSeq: 300, bounds: one, count: true });
      expect(seqs(next.events)).toEqual([400]);
      expect(next).toMatchObject({ hasMore: true, searchedThrough: 400, total: 10, totalBefore: 3 });
      const previous = await search({ filter, beforeSeq: 400, bounds: one, count: true });
      expect(seqs(previous.events)).toEqual([300]);
      expect(previous).toMatchObject({ hasMore: true, searchedFrom: 300, total: 10, totalBefore: 2 });
      expect(await search({ filter, afterSeq: 1000 })).toMatchObject({ events: [], hasMore: false });
      expect(await search({ filter, beforeSeq: 100 })).toMatchObject({ events: [], hasMore: false });
    });

    it('searches a bounded part, says which, and goes on from there', async () => {
      await long(2000);
      const limits = { events: 300, characters: Infinity };
      const filter = { text: 'needle' };
      const first = await search({ filter, count: true }, limits);
      expect(first.searchedThrough).toBeLessThan(1000);
      expect(first).toMatchObject({ searchedFrom: 1, hasMore: true, total: null, totalBefore: 0 });
      const found: number[] = [];
      for (let after = 0, isMore = true; isMore;) {
        const page = await search({ filter, afterSeq: after }, limits);
        expect(page.searchedFrom).toBe(after + 1);
        expect(page.searchedThrough).toBeGreaterThan(after);
        found.push(...seqs(page.events));
        after = page.searchedThrough;
        isMore = page.hasMore;
      }
      expect(found).toEqual(Array.from({ length: 20 }, (_, n) => (n + 1) * 100));
      const few = await search({ filter }, { events: Infinity, characters: 1000 });
      expect(few.searchedThrough).toBeLessThan(1000);
    });

    it('finds text in values of every kind, in any case, and not in names', async () => {
      const events: TestEvent[] = [
        ['log', { level: 'error', message: 'GRÜSSE "quoted" \\ back\nnext' }],
        ['log', { message: 'm', details: { file: ['deep', { path: '/tmp/x' }], code: 404, long: 0.125 } }],
        ['log', { message: 'plain', details: { ansi: '\u001B[31mcoloured\u001B[0m' } }],
        ['progress', { progress: 0.5, message: 'Halfway' }],
        ['error', { error: 'Disk full', error_type: 'IOError' }],
      ];
      await store.done(opening('a', 'type-of-work', { who: 'someone' }), recording('a', events));
      expect(await found('grüsse')).toEqual([2]);
      expect(await found('"QUOTED" \\')).toEqual([2]);
      expect(await found('back\nnext')).toEqual([2]);
      expect(await found('/TMP/')).toEqual([3]);
      expect(await found('404')).toEqual([3]);
      expect(await found('.125')).toEqual([3]);
      expect(await found('path')).toEqual([]);
      expect(await found('message')).toEqual([]);
      expect(await found('coloured')).toEqual([]);
      expect(await found('halfway')).toEqual([5]);
      expect(await found('ioerror')).toEqual([6]);
      expect(await found('someone')).toEqual([1]);
      expect(await found('error')).toEqual([6]);
    });

    it('is refused once the operation is gone', async () => {
      await store.done(opening('a'), finish('a'));
      await store.port.remove(KEY);
      await expect(search({ filter: { text: 'x' } })).rejects.toMatchObject({ code: 'operation_not_found' });
    });

    it('pages are the filter over the whole log, in either direction (property)', async () => {
      const level = fc.constantFrom('debug', 'trace', 'info', 'notice', 'WARN', 'warning', 'error', 'fatal');
      const message = fc.constantFrom('alpha', 'Beta', 'gamma "x"', 'ALPHA beta', '');
      const event: fc.Arbitrary<TestEvent> = fc.oneof(
        fc.record({ level, message }).map((data): TestEvent => ['log', data]),
        message.map((text): TestEvent => ['progress', { progress: 0.5, message: text }]),
        message.map((text): TestEvent => ['status', { status: 'busy', message: text }]),
      );
      const filterOf = fc.record({
        types: fc.option(
          fc.subarray([...EVENT_TYPES], { minLength: 1 }).map((types) => new Set(types)),
          { nil: undefined },
        ),
        level: fc.option(fc.constantFrom(...LEVELS), { nil: undefined }),
        text: fc.option(fc.constantFrom('alpha', 'BETA', '"', 'zzz', 'a'), { nil: undefined }),
      });
      await store.done(opening('a'));
      let known: readonly RecordedEvent[] = (await store.log('a')).events;
      await fc.assert(
        fc.asyncProperty(
          fc.array(event, { maxLength: 8 }),
          filterOf,
          fc.boolean(),
          fc.integer({ min: 1, max: 7 }),
          fc.integer({ min: 1, max: 5 }),
          async (added, filter, isBackward, limit, work) => {
            if (added.length > 0) await store.done(recording('a', added));
            known = [...known, ...(await store.log('a', known.at(-1)!.seq)).events];
            const expected = seqs(known.filter((each) => matches(each, filter)));
            const limits = { events: work, characters: Infinity };
            const found: number[] = [];
            let place = isBackward ? Number.MAX_SAFE_INTEGER : 0;
            for (let isMore = true; isMore;) {
              const query = isBackward ? { beforeSeq: place } : { afterSeq: place };
              const page = await search({ filter, ...query, bounds: { ...UNBOUNDED, limit } }, limits);
              const some = seqs(page.events);
              if (isBackward) found.unshift(...some);
              else found.push(...some);
              place = isBackward ? page.searchedFrom : page.searchedThrough;
              isMore = page.hasMore;
            }
            expect(found).toEqual(expected);
            const counted = await search({
              filter,
              afterSeq: 3,
              count: true,
              bounds: { ...UNBOUNDED, limit },
            });
            expect(counted.total).toBe(expected.length);
            expect(counted.totalBefore).toBe(expected.filter((seq) => seq <= 3).length);
          },
        ),
        { numRuns: 60 },
      );
    }, 60_000);
  });
}

/** The filter as its documentation says, without its short cuts. */
function matches({ type, data }: RecordedEvent, filter: LogFilter): boolean {
  const body = JSON.parse(data) as Record<string, unknown>;
  if (filter.types && !filter.types.has(type)) return false;
  if (filter.level !== undefined) {
    if (!filter.types && type !== 'log') return false;
    if (type === 'log' && LEVELS.indexOf(levelOf(body.level)) < LEVELS.indexOf(filter.level)) return false;
  }
  if (filter.text === undefined) return true;
  const wanted = filter.text.toLowerCase();
  const { level: _level, ...rest } = body;
  const values = Object.values(type === 'log' ? rest : body);
  return values.some((value) => String(value).toLowerCase().includes(wanted));
}
