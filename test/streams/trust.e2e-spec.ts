import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';

const TEXT = { 'content-type': 'text/plain' };

describe('who may use streams, and how much', () => {
  let service: RunningService;
  let token: string;

  beforeAll(async () => {
    service = await RunningService.start({
      HOST: '0.0.0.0',
      JWT_SECRET: SECRET,
      RATE_LIMIT_API: '20',
      MAX_TENANT_STREAM_BYTES: '1000',
      MAX_TOTAL_STREAM_BYTES: '1500',
      ALLOWED_ORIGINS: 'https://app.example',
    });
    token = await sign({ sub: 'w', rate_limits: { api: 0 } });
  });
  afterAll(() => service.stop());

  const call = (
    method: string,
    path: string,
    headers: Record<string, string> = TEXT,
    body?: string,
    as = token,
  ) =>
    fetch(`${service.http}/v1/stream/${path}`, {
      method,
      headers: { authorization: `Bearer ${as}`, ...headers },
      ...(body !== undefined && { body }),
    });
  const problem = async (answer: Response) => [
    answer.status,
    ((await answer.json()) as { code: string }).code,
  ];

  it('a limit of requests refuses appends, and never a close or a removal', async () => {
    const limited = await sign({ sub: 'limited' });
    await call('PUT', 'limited', TEXT, undefined, limited);
    await call('PUT', 'removed', TEXT, undefined, limited);
    await eventually('the limit', async () => {
      const answer = await call('POST', 'limited', TEXT, 'x', limited);
      return answer.status === 429 && answer.headers.has('retry-after');
    });
    const closed = await call('POST', 'limited', { ...TEXT, 'stream-closed': 'true' }, '.', limited);
    expect([closed.status, closed.headers.get('stream-closed')]).toEqual([204, 'true']);
    expect((await call('DELETE', 'removed', TEXT, undefined, limited)).status).toBe(204);
    // The header lets nothing else through.
    const operation = await fetch(`${service.http}/api/operations`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${limited}`,
        'content-type': 'application/json',
        'stream-closed': 'true',
      },
      body: '{"operation_type":"x"}',
    });
    expect(operation.status).toBe(429);
  });

  it('bounds the bytes of a tenant and of all tenants, and closes what is full', async () => {
    const [mine, other] = await Promise.all(
      ['mine', 'other'].map((tenant) => sign({ sub: 'o', tenant, rate_limits: { api: 0 } })),
    );
    await call('PUT', 'full', TEXT, 'x'.repeat(998), mine);
    const appended = await call('POST', 'full', TEXT, 'xyz', mine);
    expect(await problem(appended)).toEqual([507, 'quota_exceeded']);
    const created = await call('PUT', 'full', TEXT, 'x'.repeat(503), other);
    expect(await problem(created)).toEqual([507, 'quota_exceeded']);
    expect((await call('PUT', 'full', TEXT, 'x'.repeat(400), other)).status).toBe(201);
    for (const as of [mine, other])
      expect((await call('POST', 'full', { 'stream-closed': 'true' }, undefined, as)).status).toBe(204);
  });

  it('takes a token where a browser can send one, from a listed page alone', async () => {
    await call('PUT', 'page', TEXT, undefined);
    const from = (origin: string) =>
      fetch(`${service.http}/v1/stream/page?offset=-1&live=sse&token=${token}`, { headers: { origin } });
    const listed = await from('https://app.example');
    expect([listed.status, listed.headers.get('access-control-allow-origin')]).toEqual([
      200,
      'https://app.example',
    ]);
    expect(listed.headers.get('access-control-expose-headers')).toContain('Stream-Next-Offset');
    await listed.body!.cancel();
    expect((await from('https://evil.example')).status).toBe(403);
    expect((await fetch(`${service.http}/v1/stream/page`)).status).toBe(401);
  });

  it('counts appends, bytes, readers and streams', async () => {
    const admin = await sign({ sub: 'admin', scope: 'admin' });
    const metrics = async (): Promise<Record<string, number>> => {
      const answer = await fetch(`${service.http}/metrics`, {
        headers: { authorization: `Bearer ${admin}` },
      });
      const lines = (await answer.text()).split('\n').filter((line) => line.startsWith('opstream_stream'));
      return Object.fromEntries(lines.map((line) => [line.split(' ')[0]!, Number(line.split(' ')[1])]));
    };
    const roomy = await sign({ sub: 'm', tenant: 'metrics', rate_limits: { api: 0 } });
    const before = await metrics();
    await call('PUT', 'counted', TEXT, undefined, roomy);
    const events = await call('GET', 'counted?offset=-1&live=sse', {}, undefined, roomy);
    const waiting = call('GET', 'counted?offset=now&live=long-poll', {}, undefined, roomy);
    await eventually('the readers', async () => {
      const now = await metrics();
      return (
        now['opstream_stream_readers{by="event_stream"}'] === 1 &&
        now['opstream_stream_readers{by="long_poll"}'] === 1
      );
    });
    await call('POST', 'counted', { ...TEXT, 'stream-closed': 'true' }, 'abc', roomy);
    await Promise.all([events.text(), waiting]);
    await eventually('that they have gone', async () => {
      const now = await metrics();
      return now['opstream_stream_readers{by="event_stream"}'] === 0;
    });
    const after = await metrics();
    const grown = (name: string): number => after[name]! - before[name]!;
    expect(grown('opstream_streams')).toBe(1);
    expect(grown('opstream_streams_created_total')).toBe(1);
    expect(grown('opstream_stream_appends_total')).toBe(1);
    expect(grown('opstream_streams_bytes')).toBe(3);
    expect(grown('opstream_stream_appended_bytes_total')).toBe(3);
    expect(grown('opstream_stream_read_bytes_total')).toBeGreaterThan(3);
  });
});
