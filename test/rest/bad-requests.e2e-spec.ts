import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RestAnswer } from '../harness/rest-client.js';
import { UUID } from '../harness/matchers.js';
import { RunningService } from '../harness/running-service.js';

/** RFC 9457, with document 004's body (S4-72) beside it. */
function expectProblem(answer: RestAnswer, status: number, code: string): void {
  expect(answer.type).toBe('application/problem+json; charset=utf-8');
  expect(answer.status).toBe(status);
  expect(answer.body).toMatchObject({
    type: `urn:opstream:error:${code}`,
    title: expect.any(String),
    status,
    detail: expect.any(String),
    code,
    error: { id: UUID, code: expect.stringMatching(/^[A-Z_]+$/), message: answer.body.detail },
  });
}

describe('REST: requests that are not valid', () => {
  let service: RunningService;
  let id: string;

  beforeAll(async () => {
    service = await RunningService.start();
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    id = await service.rest.open();
  });

  it.each(['{', '{"progress":NaN}', '{"progress":0.5} x', 'progress=0.5'])('%o is no JSON', async (body) => {
    const answer = await service.rest.post(`/api/operations/${id}/progress`, body);
    expectProblem(answer, 400, 'invalid_json');
  });

  it.each([
    ['progress', { progress: 1.5 }],
    ['progress', { progress: -1 }],
    ['progress', { progress: '1' }],
    ['progress', { progress: true }],
    ['progress', { progress: 0.5, details: 'x' }],
    ['progress', { progress: 0.5, unknown: 1 }],
    ['status', {}],
    ['status', { status: 7 }],
    ['log', { level: 'info' }],
    ['log', { level: '', message: 'x' }],
    ['result', {}],
    ['error', {}],
    ['error', { error: 'x', error_type: 7 }],
    ['cancel', { reason: 7 }],
    ['progress', { progress: 0.5, operation_id: 'another-one' }],
    ['cancel', { operation_id: 'another-one' }],
    ['progress', []],
    ['progress', 'null'],
    ['progress', '7'],
    ['progress', '"text"'],
  ])('%s with %o is refused', async (kind, body) => {
    expectProblem(await service.rest.post(`/api/operations/${id}/${kind}`, body), 400, 'invalid_event');
    expect((await service.rest.get(`/api/operations/${id}`)).body.event_count).toBe(1);
  });

  it('a missing body is refused', async () => {
    expectProblem(await service.rest.post(`/api/operations/${id}/progress`), 400, 'invalid_event');
  });

  it('a progress beyond the range of numbers is refused', async () => {
    const answer = await service.rest.post(`/api/operations/${id}/progress`, '{"progress":1e999}');
    expectProblem(answer, 400, 'invalid_request');
  });

  it.each([
    [{}, 'invalid_request'],
    [{ operation_type: '' }, 'invalid_request'],
    [{ operation_type: 7 }, 'invalid_request'],
    [{ operation_type: 'x'.repeat(201) }, 'invalid_request'],
    [{ operation_type: 'line\nbreak' }, 'invalid_request'],
    [{ operation_type: 'a', metadata: 'text' }, 'invalid_request'],
    [{ operation_type: 'a', metadata: [] }, 'invalid_request'],
    [{ operation_type: 'a', surprise: 1 }, 'invalid_request'],
    [{ operation_type: 'a', operation_id: 'not an id' }, 'invalid_operation_id'],
    [{ operation_type: 'a', operation_id: '' }, 'invalid_operation_id'],
    [[], 'invalid_request'],
    ['null', 'invalid_request'],
    ['"x"', 'invalid_request'],
  ])('opening an operation with %o is refused', async (body, code) => {
    expectProblem(await service.rest.post('/api/operations', body), 400, code);
  });

  it.each(['{"__proto__":{"polluted":1},"operation_type":"a"}', '{"constructor":1,"operation_type":"a"}'])(
    '%s pollutes nothing',
    async (body) => {
      const answer = await service.rest.post('/api/operations', body);
      expect(answer.status).toBeLessThan(500);
      expect(answer.body).not.toHaveProperty('polluted');
      expect(Object.prototype).not.toHaveProperty('polluted');
    },
  );

  it.each([
    'status=a&status=b',
    'limit=x',
    'limit=0',
    'limit=-1',
    'limit=501',
    'limit=1.5',
    `type=${'x'.repeat(201)}`,
  ])('listing by %s is refused', async (query) => {
    expectProblem(await service.rest.get(`/api/operations?${query}`), 400, 'invalid_request');
  });

  it.each(['cursor=x', 'cursor=MTIz', 'cursor=%00'])('listing by %s is refused', async (query) => {
    expectProblem(await service.rest.get(`/api/operations?${query}`), 400, 'invalid_cursor');
  });

  it.each(['after_seq=x', 'after_seq=-1', 'limit=1001', 'limit='])(
    'a page with %s is refused',
    async (query) => {
      expectProblem(await service.rest.get(`/api/operations/${id}/events?${query}`), 400, 'invalid_request');
    },
  );

  it.each(['no%20id', '-x', '%00', '%C3%BC', 'x'.repeat(129), '..%2F..'])('%s is no id', async (bad) => {
    expectProblem(await service.rest.get(`/api/operations/${bad}`), 400, 'invalid_operation_id');
    const event = await service.rest.post(`/api/operations/${bad}/log`, { message: 'x' });
    expectProblem(event, 400, 'invalid_operation_id');
  });

  it('X-13: events of an unknown operation are refused', async () => {
    const answer = await service.rest.post('/api/operations/nobody/result', { result: 1 });
    expectProblem(answer, 404, 'operation_not_found');
  });

  it('an event after the end is refused, and says how it ended', async () => {
    await service.rest.emit(id, 'result', { result: 1 });
    const answer = await service.rest.post(`/api/operations/${id}/log`, { message: 'late' });
    expectProblem(answer, 409, 'operation_ended');
    expect(answer.body).toMatchObject({ state: 'completed', error: { code: 'CONFLICT' } });
  });

  it.each(['/nothing', '/api', '/api/nothing', '/api/operations/a/b/c'])('%s is 404', async (path) => {
    expectProblem(await service.rest.get(path), 404, 'not_found');
  });

  it.each(['/nope', '/api/operations/%zz'])(
    'the answer on %s quotes no query, which may hold a token',
    async (path) => {
      const { status, text } = await service.rest.get(`${path}?token=geheim`);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(text).not.toContain('geheim');
    },
  );

  it('a path that is no path is refused', async () => {
    const answer = await service.rest.get('/api/operations/%');
    expectProblem(answer, 400, 'invalid_request');
  });

  it.each([
    ['application/xml', '<log/>'],
    ['text/plain', '{"message":"x"}'],
    ['application/x-www-form-urlencoded', 'message=x'],
  ])('a body of type %s is refused, and the right one named', async (type, body) => {
    const answer = await service.rest.post(`/api/operations/${id}/log`, body, { 'content-type': type });
    expectProblem(answer, 415, 'unsupported_media_type');
    expect(answer.body.detail).toContain('application/json');
  });

  it('one sentence says what is wrong with a field', async () => {
    const { body } = await service.rest.post('/api/operations', {});
    expect(body.detail).toBe('operation_type must be a string of 1 to 200 printable characters');
  });

  it('metadata above 64 KB, and data above 1 MB, are refused; an end is recorded all the same', async () => {
    const metadata = { text: 'x'.repeat(64 * 1024) };
    const opened = await service.rest.post('/api/operations', { operation_type: 'a', metadata });
    expectProblem(opened, 413, 'payload_too_large');
    const text = 'x'.repeat(1024 * 1024);
    expectProblem(
      await service.rest.post(`/api/operations/${id}/log`, { message: 'm', details: { text } }),
      413,
      'payload_too_large',
    );
    await service.rest.emit(id, 'result', { result: text });
    const { body } = await service.rest.get(`/api/operations/${id}`);
    expect(body).toMatchObject({
      status: 'completed',
      result: { truncated: true, characters: text.length + 2 },
    });
  });

  it('a body above 8 MB is refused', async () => {
    const body = `{"result":"${'x'.repeat(8 * 1024 * 1024)}"}`;
    expectProblem(await service.rest.post(`/api/operations/${id}/result`, body), 413, 'payload_too_large');
    expect((await service.rest.get(`/api/operations/${id}`)).body.event_count).toBe(1);
  });

  it.each([10_000, 200_000])('nesting of %i levels is refused', async (levels) => {
    const body = `{"result":${'['.repeat(levels)}${']'.repeat(levels)}}`;
    const answer = await service.rest.post(`/api/operations/${id}/result`, body);
    expect(answer.status).toBe(400);
    expect((await service.rest.get(`/api/operations/${id}`)).body.event_count).toBe(1);
  });

  it.each([
    [{ origin: 'https://elsewhere.example' }, 'Origin'],
    [{ origin: 'null' }, 'Origin'],
  ])('a page from %o may not call it', async (headers, word) => {
    const answer = await service.rest.request('GET', '/api/stats', { headers });
    expectProblem(answer, 403, 'forbidden');
    expect(answer.body.detail).toContain(word);
  });

  it('every answer carries the security headers', async () => {
    for (const path of ['/health', '/api/stats', '/nothing']) {
      const { headers } = await service.rest.get(path);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
    }
  });
});
