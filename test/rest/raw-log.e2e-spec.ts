import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { RunningService } from '../harness/running-service.js';
import { inSeconds, SECRET, sign } from '../harness/tokens.js';

/** One response as it comes in. */
class Reading {
  text = '';
  /** `end` for a complete response, `broken` for one that was cut. */
  fate: 'open' | 'end' | 'broken' = 'open';

  private constructor(readonly response: IncomingMessage) {
    response.setEncoding('utf8').on('data', (text: string) => (this.text += text));
    response.on('end', () => (this.fate = 'end'));
    response.on('error', () => (this.fate = 'broken'));
  }

  static async open(url: string): Promise<Reading> {
    const outgoing = request(url, { agent: false }).end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return new Reading(response);
  }

  has(text: string): Promise<void> {
    return eventually(JSON.stringify(text), () => this.text.includes(text));
  }

  async is(fate: 'end' | 'broken'): Promise<void> {
    await eventually(`the response is over (${fate})`, () => this.fate === fate);
  }
}

describe('raw log', () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await RunningService.start({ MAX_EVENTS_PER_OPERATION: '50' });
  });
  afterAll(() => service.stop());

  const path = (id: string, query = '') => `/api/operations/${id}/log${query}`;
  const log = async (id: string, query = '', headers = {}) =>
    service.rest.request('GET', path(id, query), { headers });
  const text = async (id: string, query = '') => (await log(id, query)).text;
  const lines = async (...messages: string[]): Promise<string> => {
    const id = await service.rest.open();
    for (const message of messages) await service.rest.emit(id, 'log', { message });
    return id;
  };

  it('is the text of the log events, one line each, and nothing else', async () => {
    const id = await lines('first', 'second');
    await service.rest.emit(id, 'progress', { progress: 0.5, message: 'half' });
    const answer = await log(id);
    expect(answer).toMatchObject({ status: 200, type: 'text/plain; charset=utf-8', text: 'first\nsecond\n' });
    expect(answer.headers.get('content-disposition')).toBe(`inline; filename="${id}.log"`);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await text(id, '?after_seq=2')).toBe('second\n');
    expect(await text(await service.rest.open())).toBe('');
  });

  it('follows a running operation from its beginning to its end', async () => {
    const id = await lines('before');
    const reading = await Reading.open(service.http + path(id, '?follow=true'));
    await reading.has('before\n');
    await service.rest.emit(id, 'log', { message: 'live' });
    await reading.has('live\n');
    expect(reading.fate).toBe('open');
    await service.rest.emit(id, 'result', { result: 1 });
    await reading.is('end');
    expect(reading.text).toBe('before\nlive\n');
    expect(await text(id, '?follow=true')).toBe('before\nlive\n');
  });

  it('shows the events of at least a level, whatever their producer calls it', async () => {
    const id = await service.rest.open();
    for (const level of ['trace', 'debug', 'info', 'odd', 'WARN', 'warning', 'error', 'fatal'])
      await service.rest.emit(id, 'log', { level, message: level });
    const shown = async (level: string) => (await text(id, `?level=${level}`)).trim().split('\n');
    expect(await shown('debug')).toHaveLength(8);
    expect(await shown('info')).toEqual(['info', 'odd', 'WARN', 'warning', 'error', 'fatal']);
    expect(await shown('warning')).toEqual(['WARN', 'warning', 'error', 'fatal']);
    expect(await shown('error')).toEqual(['error', 'fatal']);
  });

  it('begins every line with its time, if asked', async () => {
    const id = await lines('one\ntwo');
    expect(await text(id, '?timestamps=utc')).toMatch(
      /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) one\n\1 two\n$/,
    );
    expect(await text(id, '?timestamps=elapsed')).toMatch(/^(\+\d+\.\d{3}s) one\n\1 two\n$/);
  });

  it('lets no log change the terminal that shows it', async () => {
    const id = await lines(
      '\u001b[31mred\u001b[0m \u001b]0;title\u0007\u001b[2Jplain\u0000\u009b\u202e',
      '\u001b[1mbold',
      '10%\r50%\rdone\r',
      'dos\r\nline\r\n',
      'a\tb',
    );
    expect(await text(id)).toBe('red plain\nbold\ndone\ndos\nline\na\tb\n');
    expect(await text(id, '?ansi=keep')).toBe(
      '\u001b[31mred\u001b[0m plain\n\u001b[1mbold\u001b[0m\ndone\ndos\nline\na\tb\n',
    );
  });

  it('shows the coloured form that a producer gave beside a plain message', async () => {
    const id = await service.rest.open();
    const details = { ansi: '\u001b[32mok\u001b[0m' };
    await service.rest.emit(id, 'log', { message: 'ok', details });
    expect(await text(id)).toBe('ok\n');
    expect(await text(id, '?ansi=keep')).toBe(`${details.ansi}\n`);
  });

  it('is NDJSON of the same events by Accept, as the history has them', async () => {
    const id = await lines('one', 'two\nlines');
    const answer = await log(id, '?download=true', { accept: 'application/x-ndjson' });
    expect(answer.type).toBe('application/x-ndjson');
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${id}.ndjson"`);
    const history = await service.rest.get<{ events: object[] }>(`/api/operations/${id}/events?after_seq=1`);
    expect(
      answer.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toEqual(history.body.events);
  });

  it('says where events are no longer kept', async () => {
    const id = await service.rest.open();
    await service.rest.post(
      `/api/operations/${id}/events`,
      Array.from({ length: 80 }, (_, n) => ({ event_type: 'log', data: { message: `line ${n}` } })),
    );
    const shown = (await text(id)).split('\n');
    expect(shown[0]).toBe('[earlier events are no longer kept; the log goes on with event 32]');
    expect(shown[1]).toBe('line 30');
    const { text: json } = await log(id, '?after_seq=3', { accept: 'application/x-ndjson' });
    expect(JSON.parse(json.split('\n')[0]!)).toEqual({
      event_type: 'history_trimmed',
      operation_id: id,
      data: { operation_id: id, after_seq: 3, first_seq: 32 },
    });
  });

  it('a log of many pages is whole, and its reader decides the pace', async () => {
    const large = await RunningService.start();
    try {
      const id = await large.rest.open();
      const message = 'x'.repeat(1000);
      for (let batch = 0; batch < 10; batch++) {
        const events = Array.from({ length: 500 }, (_, n) => ({
          event_type: 'log',
          data: { message: `${batch * 500 + n} ${message}` },
        }));
        await large.rest.post(`/api/operations/${id}/events`, events);
      }
      const reading = await Reading.open(large.http + path(id, '?follow=true'));
      reading.response.pause();
      // Events of others are recorded and read meanwhile.
      await large.rest.emit(id, 'log', { message: 'the last one' });
      await large.rest.emit(id, 'result', { result: 1 });
      reading.response.resume();
      await reading.is('end');
      const shown = reading.text.trimEnd().split('\n');
      expect(shown.slice(0, -1).map((line) => Number.parseInt(line, 10))).toEqual(
        Array.from({ length: 5000 }, (_, n) => n),
      );
      expect(shown.at(-1)).toBe('the last one');
    } finally {
      await large.stop();
    }
  }, 30_000);

  it('refuses what it does not know, and an operation that is not there', async () => {
    const id = await service.rest.open();
    for (const query of ['?level=loud', '?timestamps=local', '?ansi=html', '?follow=yes', '?after_seq=-1']) {
      expect(await log(id, query)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    }
    expect(await log('nobody')).toMatchObject({ status: 404, body: { code: 'operation_not_found' } });
    const head = await service.rest.request('HEAD', path(id));
    expect([head.status, head.text, head.type]).toEqual([200, '', 'text/plain; charset=utf-8']);
  });

  it('a user reads so many at a time, and gets the places back', async () => {
    const limited = await RunningService.start({ MAX_STREAMS_PER_USER: '1' });
    try {
      const url = limited.http + path(await limited.rest.open(), '?follow=true');
      const first = await Reading.open(url);
      expect((await fetch(url)).status).toBe(429);
      first.response.destroy();
      await eventually('there is a place again', async () => {
        const again = await fetch(url);
        await again.body?.cancel();
        return again.status === 200;
      });
    } finally {
      await limited.stop();
    }
  });

  it('breaks off, rather than ends, when the service stops', async () => {
    const stopping = await RunningService.start();
    const id = await stopping.rest.open();
    await stopping.rest.emit(id, 'log', { message: 'so far' });
    const reading = await Reading.open(stopping.http + path(id, '?follow=true'));
    await reading.has('so far\n');
    await stopping.stop();
    await reading.is('broken');
    expect(reading.text).toBe('so far\n');
  });
});

describe('raw log, behind tokens', () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await RunningService.start({ JWT_SECRET: SECRET, STORE: 'memory' });
    await service.rest.request('POST', '/api/operations', {
      headers: { authorization: `Bearer ${await sign({ sub: 'u', tenant: 'a' })}` },
      body: { operation_type: 't', operation_id: 'job' },
    });
  });
  afterAll(() => service.stop());

  const read = async (claims: Record<string, unknown>): Promise<string> =>
    `http://127.0.0.1:${service.port}/api/operations/job/log?follow=true&token=${await sign({ sub: 'u', ...claims })}`;

  it("knows no other tenant's operation", async () => {
    expect((await fetch(await read({ tenant: 'b' }))).status).toBe(404);
  });

  it('breaks off, rather than ends, with its token', async () => {
    const reading = await Reading.open(await read({ tenant: 'a', exp: inSeconds(2) }));
    await reading.is('broken');
  });
});
