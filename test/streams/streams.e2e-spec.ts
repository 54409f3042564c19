import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';

interface Call {
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

describe('Durable Streams over HTTP', () => {
  let service: RunningService;
  let writer: string;
  let reader: string;
  let stranger: string;

  beforeAll(async () => {
    service = await RunningService.start({
      JWT_SECRET: SECRET,
      ALLOW_ANONYMOUS: 'false',
      MAX_STREAM_BYTES: '2000000',
    });
    writer = await sign({ sub: 'w', scope: 'streams:read streams:write' });
    reader = await sign({ sub: 'r', scope: 'streams:read' });
    stranger = await sign({ sub: 's', tenant: 'other' });
  });
  afterAll(() => service.stop());

  const call = (method: string, path: string, { token = writer, headers, body }: Call = {}) =>
    fetch(`${service.http}/v1/stream/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(body !== undefined && { body }),
    });
  const TEXT = { 'content-type': 'text/plain' };
  const JSON_TYPE = { 'content-type': 'application/json' };
  const problem = async (response: Response) => {
    const { code } = (await response.json()) as { code: string };
    return [response.status, code];
  };

  it('a reader resumes at the offset it was given, without gap or repeat', async () => {
    await call('PUT', 'chat/1', { headers: TEXT, body: 'Once ' });
    const first = await call('GET', 'chat/1?offset=-1');
    const offset = first.headers.get('stream-next-offset')!;
    await call('POST', 'chat/1', { headers: TEXT, body: 'upon a time' });
    const second = await call('GET', `chat/1?offset=${offset}`);
    expect([await first.text(), await second.text()]).toEqual(['Once ', 'upon a time']);
    expect(second.headers.get('stream-up-to-date')).toBe('true');
  });

  it('numbers of messages come back as they were written', async () => {
    await call('PUT', 'numbers', { headers: JSON_TYPE });
    await call('POST', 'numbers', { headers: JSON_TYPE, body: '[{"id":1915883588174806058}, 1.0, "a,]b"]' });
    expect(await (await call('GET', 'numbers')).text()).toBe('[{"id":1915883588174806058},1.0,"a,]b"]');
  });

  it('live readers get each append once, whether they wait, follow or come late, and end with the stream', async () => {
    await call('PUT', 'live', { headers: JSON_TYPE, body: '[1]' });
    const events = await call('GET', 'live?offset=-1&live=sse');
    const waiting = call('GET', 'live?offset=now&live=long-poll');
    let text = '';
    const done = (async () => {
      for await (const chunk of events.body!.pipeThrough(new TextDecoderStream())) text += chunk;
    })();
    await eventually('the first message', () => text.includes('[1]'));
    await call('POST', 'live', { headers: JSON_TYPE, body: '2' });
    expect(await (await waiting).text()).toBe('[2]');
    await call('POST', 'live', { headers: { ...JSON_TYPE, 'stream-closed': 'true' }, body: '3' });
    await done;
    const data = [...text.matchAll(/^event: data\ndata:(.*)$/gm)].map(([, value]) => value);
    expect(data).toEqual(['[1]', '[2]', '[3]']);
    expect(text).toMatch(/"streamClosed":true/);
    const late = await call('GET', 'live?offset=-1&live=sse');
    expect(await late.text()).toContain('[1]');
  });

  it('a tenant sees nothing of another’s streams', async () => {
    await call('PUT', 'secret', { headers: TEXT, body: 'mine' });
    for (const method of ['GET', 'POST', 'DELETE']) {
      const answer = await call(method, 'secret', {
        token: stranger,
        headers: TEXT,
        ...(method === 'POST' && { body: 'x' }),
      });
      expect(await problem(answer)).toEqual([404, 'stream_not_found']);
    }
    const forked = await call('PUT', 'mine-now', {
      token: stranger,
      headers: { 'stream-forked-from': '/v1/stream/secret' },
    });
    expect(forked.status).toBe(404);
    expect((await call('PUT', 'secret', { token: stranger, headers: JSON_TYPE })).status).toBe(201);
    expect(await (await call('GET', 'secret')).text()).toBe('mine');
  });

  it('who may only read writes nothing; who is nobody gets nothing', async () => {
    await call('PUT', 'readable', { headers: TEXT, body: 'text' });
    expect((await call('GET', 'readable', { token: reader })).status).toBe(200);
    for (const method of ['PUT', 'POST', 'DELETE']) {
      const answer = await call(method, 'readable', {
        token: reader,
        headers: TEXT,
        ...(method !== 'DELETE' && { body: 'x' }),
      });
      expect(await problem(answer)).toEqual([403, 'forbidden']);
    }
    const anonymous = await fetch(`${service.http}/v1/stream/readable`);
    expect(anonymous.status).toBe(401);
  });

  it('what does not fit is refused, and nothing of it is kept', async () => {
    await call('PUT', 'full', { headers: TEXT, body: 'x'.repeat(1_999_999) });
    const refused = await call('POST', 'full', { headers: TEXT, body: 'yz' });
    expect(await problem(refused)).toEqual([507, 'quota_exceeded']);
    expect((await call('POST', 'full', { headers: TEXT, body: 'y' })).status).toBe(204);
    expect((await call('POST', 'full', { headers: { 'stream-closed': 'true' } })).status).toBe(204);
    const tooLarge = await call('POST', 'full', { headers: TEXT, body: 'x'.repeat(8 * 1024 * 1024 + 1) });
    expect(await problem(tooLarge)).toEqual([413, 'payload_too_large']);
  });

  it.each(['../x', 'a//b', '%2e%2e/x', 'a%2Fb', '__ds/subscriptions/1', 'x'.repeat(1100)])(
    '%s is not the path of a stream',
    async (path) => {
      const answer = await call('PUT', path, { headers: TEXT });
      expect([400, 404]).toContain(answer.status);
    },
  );

  it('a read keeps what no cache may share, unless the stream is public', async () => {
    await call('PUT', 'private', { headers: TEXT, body: 'x' });
    await call('PUT', 'public', { headers: { ...TEXT, 'stream-public': 'true' }, body: 'x' });
    const control = async (path: string) =>
      (await call('GET', path)).headers.get('cache-control')!.split(',')[0];
    expect([await control('private'), await control('public')]).toEqual(['private', 'public']);
  });

  it('readers of a stream that is deleted are let go', async () => {
    await call('PUT', 'gone', { headers: TEXT, body: 'x' });
    const events = await call('GET', 'gone?offset=-1&live=sse');
    await call('DELETE', 'gone');
    await events.text();
    expect((await call('GET', 'gone')).status).toBe(404);
  });
});
