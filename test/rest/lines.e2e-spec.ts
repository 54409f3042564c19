import { once } from 'node:events';
import { request as httpRequest, type ClientRequest } from 'node:http';
import { gzipSync, deflateSync, deflateRawSync, brotliCompressSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RunningService } from '../harness/running-service.js';

type Data = Record<string, unknown>;

describe('lines of producers that cannot be changed', () => {
  let service: RunningService;
  let id: string;

  beforeAll(async () => {
    service = await RunningService.start({ STORE: 'memory' });
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    id = await service.rest.open();
  });

  const send = (body: string | Uint8Array, init: RequestInit = {}, query = '', operation = id) =>
    fetch(`${service.http}/api/operations/${operation}/lines${query}`, {
      method: 'POST',
      body: body as RequestInit['body'],
      ...init,
    });
  const log = async (operation = id): Promise<Data[]> => {
    const { body } = await service.rest.get<{ events: { event_type: string; data: Data }[] }>(
      `/api/operations/${operation}/events?after_seq=1&limit=1000`,
    );
    return body.events.map(({ event_type, data }) => ({ event_type, ...data }));
  };
  const line = (message: string, more: Data = {}): Data => ({
    event_type: 'log',
    level: 'info',
    message,
    ...more,
  });

  it.each(['POST', 'PUT'])('%s takes text in lines, whatever its type', async (method) => {
    const types = ['text/plain', 'application/octet-stream', 'application/x-www-form-urlencoded', undefined];
    for (const type of types) {
      const body = new Blob([`one ${type}\r\n\n\tzwei: ä€😀\n`], { type: type ?? '' });
      const answer = await send(body as unknown as string, { method });
      expect(answer.status).toBe(201);
      expect(await answer.json()).toMatchObject({
        recorded: 2,
        operation: { operation_id: id, status: 'running' },
      });
    }
    expect(await log()).toEqual(types.flatMap((type) => [line(`one ${type}`), line('\tzwei: ä€😀')]));
  });

  it.each([
    [
      '?opn=true',
      'Unknown parameter "opn": known are open, operation_type, parent_operation_id, end, reason',
    ],
    [
      '?open=true&End=completed',
      'Unknown parameter "End": known are open, operation_type, parent_operation_id, end, reason',
    ],
    ['?end=completed&end=error', 'end is given more than once'],
  ])('refuses a parameter that would be ignored, and records nothing: %s', async (query, detail) => {
    const refused = await send('a line', {}, query, query.includes('open=') ? `${id}-new` : id);
    expect([refused.status, await refused.json()]).toMatchObject([400, { code: 'invalid_request', detail }]);
    expect(await log()).toEqual([]);
    expect((await service.rest.get(`/api/operations/${id}-new`)).status).toBe(404);
  });

  it.each([
    ['NDJSON', (records: Data[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('')],
    ['an array', (records: Data[]) => JSON.stringify(records, null, 2)],
  ])('%s of log records of any logger becomes log events', async (_form, encode) => {
    const records = [
      { message: 'plain', level: 'WARNING', host: 'a' },
      { date: 1764316800.1, log: 'fluent-bit' },
      { level: 50, time: 1, pid: 7, msg: 'pino' },
      { text: 'loguru\n', record: { level: { name: 'ERROR', no: 40 } } },
      { event: 'structlog', level: 'debug', user: 5 },
      { MESSAGE: 'journald', PRIORITY: '3' },
      { nothing: 'of that' },
      { message: 'own id', event_id: 'e1' },
      { event_type: 'progress', data: { progress: 0.5, message: 'half' } },
      { event_type: 'progress', data: { progress: 5 } },
    ];
    const answer = await send(encode(records));
    expect([answer.status, await answer.json()]).toMatchObject([201, { recorded: 10 }]);
    const events = await log();
    expect(events.slice(0, 6)).toEqual([
      line('plain', { level: 'warning', details: { host: 'a' } }),
      line('fluent-bit', { details: { date: 1764316800.1 } }),
      line('pino', { level: 'error', details: { time: 1, pid: 7 } }),
      line('loguru\n', { level: 'error', details: { record: { level: { name: 'ERROR', no: 40 } } } }),
      line('structlog', { level: 'debug', details: { user: 5 } }),
      line('journald', { level: 'error' }),
    ]);
    expect(JSON.parse(String(events[6]!.message))).toEqual({ nothing: 'of that' });
    expect(events[7]).toEqual(line('own id'));
    expect(events[8]).toMatchObject({ event_type: 'progress', progress: 0.5, message: 'half' });
    // What is not valid is recorded as the text it came as.
    expect(JSON.parse(String(events[9]!.message))).toEqual(records[9]);
  });

  it('an element or a line that is no JSON is recorded as it is', async () => {
    await send('{"message": broken}\n{"id":154284075601887489,"message":"m"}\n');
    await send('["text", 5, {"message":"m"}]');
    const { text } = await service.rest.get(`/api/operations/${id}/events?after_seq=1`);
    expect(text).toContain('"details":{"id":154284075601887489}');
    expect((await log()).map(({ message }) => message)).toEqual([
      '{"message": broken}',
      'm',
      'text',
      '5',
      'm',
    ]);
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ])('is unpacked: %s', async (encoding, pack) => {
    const answer = await send(new Uint8Array(pack('one\ntwo\n')), {
      headers: { 'content-encoding': encoding },
    });
    expect(answer.status).toBe(201);
    expect(await log()).toEqual([line('one'), line('two')]);
  });

  it.each([
    ['snappy', 415, 'unsupported_media_type'],
    ['gzip', 400, 'invalid_request'],
  ])('a body that is not packed as %s is refused', async (encoding, status, code) => {
    const answer = await send('not packed', { headers: { 'content-encoding': encoding } });
    expect([answer.status, await answer.json()]).toMatchObject([status, { code, recorded: 0 }]);
    expect(await log()).toEqual([]);
  });

  it("Python's HTTPHandler sends forms", async () => {
    const form =
      'name=root&msg=disk+is+%25d%25%25+full&args=%2891%2C%29&levelname=WARNING&levelno=30&lineno=3&process=77';
    const answer = await send(form, { headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    expect(answer.status).toBe(201);
    expect(await log()).toEqual([
      line('disk is %d%% full', {
        level: 'warning',
        details: { name: 'root', args: '(91,)', levelno: '30', lineno: '3', process: '77' },
      }),
    ]);
  });

  /** Requests as these programs write them, after their sources and documentation. */
  it.each([
    [
      'fluent-bit, json_lines',
      'POST',
      { 'content-type': 'application/x-ndjson', 'user-agent': 'Fluent-Bit', 'content-encoding': 'gzip' },
      gzipSync(
        '{"date":1764316800.123456,"log":"one"}\n{"date":1764316801.5,"log":"two","stream":"stderr"}\n',
      ),
    ],
    [
      'fluent-bit, json',
      'POST',
      { 'content-type': 'application/json', 'user-agent': 'Fluent-Bit' },
      Buffer.from(
        '[{"date":1764316800.123456,"log":"one"},{"date":1764316801.5,"log":"two","stream":"stderr"}]',
      ),
    ],
    [
      'Vector, http',
      'PUT',
      { 'content-type': 'application/x-ndjson', 'user-agent': 'Vector/0.51.1', 'content-encoding': 'gzip' },
      gzipSync(
        '{"file":"/var/log/a","host":"h","message":"one","source_type":"file","timestamp":"2026-11-28T08:00:00Z"}\n' +
          '{"file":"/var/log/a","host":"h","message":"two","source_type":"file","timestamp":"2026-11-28T08:00:01Z"}\n',
      ),
    ],
  ])('takes what is sent by %s', async (_program, method, headers, body) => {
    const answer = await send(new Uint8Array(body), { method, headers });
    expect([answer.status, await answer.json()]).toMatchObject([201, { recorded: 2 }]);
    const events = await log();
    expect(events.map(({ message }) => message)).toEqual(['one', 'two']);
    expect(events[1]!.details).toMatchObject(method === 'PUT' ? { host: 'h' } : { stream: 'stderr' });
  });

  it('opens the operation when asked to, and ends it', async () => {
    expect((await send('x\n', {}, '', 'new-one')).status).toBe(404);
    const opened = await send('x\n', {}, '?open=true&operation_type=backup', 'new-one');
    expect(opened.status).toBe(201);
    // Again, by the next batch of the same producer.
    const again = await send('y\n', {}, '?open=true&operation_type=backup&end=completed', 'new-one');
    expect(await again.json()).toMatchObject({
      recorded: 1,
      operation: { operation_type: 'backup', status: 'completed', result: { lines: 1 } },
    });
    const late = await send('z\n', {}, '?open=true', 'new-one');
    expect([late.status, await late.json()]).toMatchObject([409, { code: 'operation_ended', recorded: 0 }]);
    const failed = await send('x', {}, '?open=true&end=error&reason=exit+code+3', 'another');
    expect(await failed.json()).toMatchObject({
      operation: { operation_type: 'lines', status: 'error', error: 'exit code 3' },
    });
    expect((await send('x', {}, '?end=never')).status).toBe(400);
  });

  /** An upload whose pieces the test sends one by one. */
  const upload = (headers = {}): ClientRequest => {
    const path = `/api/operations/${id}/lines`;
    return httpRequest({ port: service.port, path, method: 'PUT', headers }).on('error', () => {});
  };

  it('is recorded while it arrives, and answered at its end', async () => {
    const running = upload({ expect: '100-continue' });
    running.flushHeaders();
    await once(running, 'continue');
    running.write('first\nsec');
    await expect.poll(log).toEqual([line('first')]);
    running.write('ond\n');
    await expect.poll(log).toEqual([line('first'), line('second')]);
    running.end('third');
    const [answer] = (await once(running, 'response')) as [{ statusCode: number; resume(): void }];
    answer.resume();
    expect(answer.statusCode).toBe(201);
    expect((await log()).at(-1)).toEqual(line('third'));
  });

  it('a cut upload keeps what came', async () => {
    const running = upload();
    running.write('first\nthe beginning of');
    await expect.poll(log).toEqual([line('first')]);
    running.destroy();
    await expect.poll(log).toEqual([line('first'), line('the beginning of')]);
    expect((await service.rest.get(`/api/operations/${id}`)).body.status).toBe('running');
  });

  it('an upload into an operation that ends meanwhile is refused', async () => {
    const running = upload();
    running.write('first\n');
    await expect.poll(log).toEqual([line('first')]);
    await service.rest.post(`/api/operations/${id}/cancel`);
    running.write('second\n');
    const [answer] = (await once(running, 'response')) as [AsyncIterable<Buffer> & { statusCode: number }];
    expect(answer.statusCode).toBe(409);
    running.destroy();
  });

  it('a line that is longer than a message takes several events', async () => {
    const long = 'x'.repeat(150_000);
    await send(`${long}\nend\n`);
    const events = await log();
    expect(events.map(({ message }) => message).join('')).toBe(`${long}end`);
    expect(events).toHaveLength(4);
  });

  it('a record whose text is longer than a message keeps all of it', async () => {
    const long = 'x'.repeat(150_000);
    await send(`${JSON.stringify({ log: long, severityText: 'ERROR', host: 'a' })}\n`);
    const events = await log();
    expect(events.map(({ message }) => message).join('')).toBe(long);
    expect(events.map(({ level }) => level)).toEqual(events.map(() => 'error'));
    expect(events[0]).toMatchObject({ details: { host: 'a' } });
  });
});
