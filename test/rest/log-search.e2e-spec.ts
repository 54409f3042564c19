import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HubClient, RestClient, type EventFilter, type SearchedEventPage } from '../../src/client/index.js';
import { RunningService } from '../harness/running-service.js';

const seqs = ({ events }: { events: readonly { seq: number }[] }) => events.map(({ seq }) => seq);

describe('the filters of a log', () => {
  let service: RunningService;
  let id: string;
  let sdk: HubClient;
  let rest: RestClient;

  beforeAll(async () => {
    service = await RunningService.start();
    id = await service.rest.open();
    const events = [
      ['log', { level: 'debug', message: 'Opening the file' }],
      ['progress', { progress: 0.5, message: 'halfway' }],
      ['log', { level: 'WARN', message: 'Disk almost full' }],
      ['log', { level: 'fatal', message: 'disk full' }],
      ['log', { message: 'retrying' }],
      ['error', { error: 'Disk full', error_type: 'IOError' }],
    ].map(([event_type, data]) => ({ event_type, data }));
    await service.rest.post(`/api/operations/${id}/events`, events);
    sdk = new HubClient({ url: service.http });
    rest = new RestClient({ url: service.http });
  });
  afterAll(async () => {
    sdk.close();
    await service.stop();
  });

  const overRest = async (query: string) => {
    const answer = await service.rest.get<SearchedEventPage>(`/api/operations/${id}/events?${query}`);
    expect(answer.status).toBe(200);
    return answer.body;
  };

  const cases: readonly [string, EventFilter, number[]][] = [
    ['level=warning', { level: 'warning' }, [4, 5]],
    ['level=error', { level: 'error' }, [5]],
    ['event_type=progress', { event_type: 'progress' }, [3]],
    ['event_type=error,log&level=error', { event_type: ['error', 'log'], level: 'error' }, [5, 7]],
    ['event_type=error&event_type=progress', { event_type: ['error', 'progress'] }, [3, 7]],
    ['q=disk', { q: 'disk' }, [4, 5, 7]],
    ['q=disk&before_seq=7&limit=1', { q: 'disk', before_seq: 7, limit: 1 }, [5]],
    ['q=disk&after_seq=4&limit=1', { q: 'disk', after_seq: 4, limit: 1 }, [5]],
    ['before_seq=5&limit=2', { before_seq: 5, limit: 2 }, [3, 4]],
    ['before_seq=99999&limit=2', { before_seq: 99_999, limit: 2 }, [6, 7]],
    ['before_seq=5&after_seq=2', { before_seq: 5, after_seq: 2 }, [3, 4]],
    ['q=nothing', { q: 'nothing' }, []],
  ];

  it.each(cases)('%s is the same over REST, hub and SDK', async (query, filter, expected) => {
    expect(seqs(await overRest(query))).toEqual(expected);
    expect(seqs(await rest.searchLog(id, filter))).toEqual(expected);
    expect(seqs(await sdk.searchLog(id, filter))).toEqual(expected);
  });

  it('an answer says what was searched, how many match, and whether there is more', async () => {
    const page = await overRest('q=disk&limit=1&after_seq=4&count=true');
    const known = { first_seq: 1, head_seq: 7, history_trimmed: false };
    expect(page).toMatchObject({ ...known, searched_from: 5, searched_through: 5, has_more: true });
    expect(page).toMatchObject({ total: 3, total_before: 1 });
    expect(await overRest('q=disk')).toMatchObject({ total: 3, total_before: 0, has_more: false });
    expect(await overRest('q=disk&limit=1')).toMatchObject({ total: null, total_before: 0 });
    const last = await sdk.searchLog(id, { before_seq: 99, limit: 2, count: true });
    expect(last).toMatchObject({ searched_from: 6, searched_through: 7, has_more: true });
    expect(last).toMatchObject({ total: 7, total_before: 5 });
    expect(await overRest('limit=2')).not.toHaveProperty('searched_from');
  });

  it('the work of searches is measured, and pages without a filter are none', async () => {
    const searched = async () => {
      const { text } = await service.rest.get('/metrics');
      return Number(/^opstream_log_search_events_total (\d+)$/m.exec(text)?.[1]);
    };
    const before = await searched();
    await overRest('q=disk&after_seq=2');
    expect(await searched()).toBe(before + 5);
    await overRest('before_seq=5');
    expect(await searched()).toBe(before + 5);
  });

  it('reading backward from another log goes on where both agree', async () => {
    const { log } = await rest.searchLog(id, { limit: 1 });
    expect(await overRest(`before_seq=99&log=${log}`)).toMatchObject({
      history_lost: true,
      kept_through: 7,
      searched_through: 7,
    });
    expect(await overRest(`before_seq=3&log=${log}`)).not.toHaveProperty('history_lost');
  });

  it.each([
    'event_type=nonsense',
    'event_type=log,',
    'level=loud',
    `q=${'x'.repeat(201)}`,
    'before_seq=-1',
    'before_seq=x',
    'count=perhaps',
    'q=a&q=b',
  ])('%s is refused on REST and hub', async (query) => {
    const path = `/api/operations/${id}/events?${query}`;
    expect(await service.rest.get(path)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    const members = Object.fromEntries(new URLSearchParams(query));
    if (query.startsWith('q=a')) return;
    const hub = await service.hub('/hub');
    expect(await hub.ask({ command: 'get_history', operation_id: id, ...members })).toMatchObject({
      data: { code: 'invalid_request' },
    });
  });

  it('members of a command that are null count as absent', async () => {
    const hub = await service.hub('/hub');
    const nothing = { event_type: null, level: null, q: null, before_seq: null, count: null };
    const answer = await hub.ask({ command: 'get_history', operation_id: id, ...nothing });
    expect(answer.data.events).toHaveLength(7);
    expect(answer.data).not.toHaveProperty('searched_from');
  });
});

it('a page that does not fit into a message of the hub ends earlier, on the side it is read to', async () => {
  const service = await RunningService.start();
  try {
    const id = await service.rest.open();
    for (let n = 0; n < 30; n++) await service.rest.emit(id, 'log', { message: '語'.repeat(16_000) });
    const sdk = new HubClient({ url: service.http });
    const seen: number[] = [];
    for (let before = 99, isMore = true; isMore;) {
      const page = await sdk.searchLog(id, { before_seq: before, count: true });
      expect(page.total).toBe(31);
      expect(page.total_before).toBe(page.searched_from - 1);
      seen.unshift(...seqs(page));
      before = page.searched_from;
      isMore = page.has_more;
    }
    sdk.close();
    expect(seen).toEqual(Array.from({ length: 31 }, (_, n) => n + 1));
  } finally {
    await service.stop();
  }
});
