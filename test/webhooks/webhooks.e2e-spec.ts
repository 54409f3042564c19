import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import type { RestAnswer } from '../harness/rest-client.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';
import { WebhookReceiver } from '../harness/webhook-receiver.js';

interface Created {
  id: string;
  secret: string;
}
interface Listed {
  id: string;
  state: string;
  attempts: number;
  event: string;
  operation_id: string | null;
  last_attempt: { status: number | null; error: string | null; response: string } | null;
}

const admin = async () => ({ authorization: `Bearer ${await sign({ id: 'root', scope: 'admin' })}` });

/** As an administrator. */
async function ask<Body = Record<string, unknown>>(
  method: string,
  address: string,
  body?: unknown,
  of = service,
): Promise<RestAnswer<Body>> {
  return of.rest.request<Body>(method, address, { body, headers: await admin() });
}

let receiver: WebhookReceiver;
let service: RunningService;
let path: string;
let paths = 0;

beforeAll(async () => {
  receiver = await WebhookReceiver.start();
  service = await RunningService.start({
    STORE: 'memory',
    ALLOW_ANONYMOUS: 'true',
    WEBHOOK_ALLOWED_HOSTS: '127.0.0.1',
    WEBHOOK_RETRY_SECONDS: '0.1,0.1',
    JWT_SECRET: SECRET,
  });
});
afterAll(async () => {
  await service.stop();
  await receiver.goDown();
});
beforeEach(() => void (path = `/${++paths}`));

async function create(more: object = {}): Promise<Created> {
  const answer = await ask<Created>('POST', '/api/webhooks', {
    url: receiver.url(path),
    operation_type: path,
    ...more,
  });
  expect(answer.status).toBe(201);
  return answer.body;
}

async function finish(
  kind = 'result',
  data: object = { result: { ok: true } },
  type = path,
): Promise<string> {
  const id = await service.rest.open(type);
  await service.rest.emit(id, kind, data);
  return id;
}

async function deliveries(webhook: Created): Promise<readonly Listed[]> {
  const answer = await ask<{ deliveries: Listed[] }>('GET', `/api/webhooks/${webhook.id}/deliveries`);
  return answer.body.deliveries;
}

async function settled(webhook: Created, state: string): Promise<Listed> {
  let found: Listed | undefined;
  await eventually(`a delivery is ${state}`, async () => {
    found = (await deliveries(webhook)).find((one) => one.state === state);
    return found !== undefined;
  });
  return found!;
}

describe('webhooks', () => {
  it('are told of every end, signed after Standard Webhooks, with the snapshot', async () => {
    const webhook = await create();
    const done = await finish();
    const failed = await finish('error', { error: 'broken', error_type: 'BuildError' });
    const cancelled = await service.rest.open(path);
    await service.rest.post(`/api/operations/${cancelled}/cancel`, { reason: 'enough' });
    await eventually('three messages', () => receiver.at(path).length === 3);
    const bodies = receiver.at(path).map((one) => receiver.verify(one, webhook.secret));
    const byId = new Map(bodies.map((body) => [body.data.operation_id, body]));
    expect(byId.get(done)).toMatchObject({
      type: 'operation.completed',
      data: { status: 'completed', result: { ok: true }, operation_type: path },
    });
    expect(byId.get(failed)).toMatchObject({ type: 'operation.failed', data: { error: 'broken' } });
    expect(byId.get(cancelled)).toMatchObject({ type: 'operation.cancelled', data: { message: 'enough' } });
    expect(new Set(receiver.at(path).map(({ id }) => id)).size).toBe(3);
    expect(byId.get(done)!.timestamp).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it('hear only what they asked for', async () => {
    await create({ events: ['operation.failed'], operation_type: `${path}/*` });
    await finish('error', { error: 'e' }, `${path}other`);
    await finish('result', { result: 1 }, `${path}/a`);
    const wanted = await finish('error', { error: 'e' }, `${path}/b`);
    await eventually('one message', () => receiver.at(path).length > 0);
    expect(receiver.at(path).map(({ text }) => (JSON.parse(text) as { data: object }).data)).toMatchObject([
      { operation_id: wanted },
    ]);
  });

  it('are tried again under the same id while the receiver fails, and what it answered is listed', async () => {
    const webhook = await create();
    let failures = 0;
    receiver.answers.set(path, (response) => {
      if (failures++ < 2) response.writeHead(500).end('not today');
      else response.writeHead(200).end('x'.repeat(5000));
    });
    const operation = await finish();
    const delivered = await settled(webhook, 'delivered');
    expect(delivered).toMatchObject({
      attempts: 3,
      event: 'operation.completed',
      operation_id: operation,
      last_attempt: { status: 200, error: null, response: 'x'.repeat(1024) },
    });
    expect(receiver.at(path).map(({ id }) => id)).toEqual(Array(3).fill(delivered.id));
    expect(receiver.at(path).every((one) => receiver.verify(one, webhook.secret).type !== '')).toBe(true);
  });

  it('wait for as long as the receiver asks', async () => {
    const webhook = await create();
    receiver.answers.set(path, (response) => {
      if (receiver.at(path).length === 1) response.writeHead(503, { 'retry-after': '1' }).end();
      else response.writeHead(204).end();
    });
    await finish();
    await settled(webhook, 'delivered');
    const [first, second] = receiver.at(path);
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(1000);
  });

  it('are given up after the last attempt, and repeated on request', async () => {
    const webhook = await create();
    receiver.answers.set(path, (response) => response.writeHead(500).end());
    await finish();
    const failed = await settled(webhook, 'failed');
    expect(failed.attempts).toBe(3);
    receiver.answers.delete(path);
    const repeat = `/api/webhooks/${webhook.id}/deliveries/${failed.id}/repeat`;
    expect((await ask('POST', repeat)).status).toBe(204);
    expect((await settled(webhook, 'delivered')).id).toBe(failed.id);
    expect((await ask('POST', `/api/webhooks/${webhook.id}/deliveries/unknown/repeat`)).status).toBe(404);
  });

  it('are disabled by 410, and enabled again', async () => {
    const webhook = await create();
    receiver.answers.set(path, (response) => response.writeHead(410).end());
    await finish();
    await settled(webhook, 'failed');
    await eventually('it is disabled', async () => {
      const { body } = await ask('GET', `/api/webhooks/${webhook.id}`);
      return body.enabled === false && /410/.test(String(body.disabled_reason));
    });
    await finish();
    receiver.answers.delete(path);
    const enabled = await ask('PATCH', `/api/webhooks/${webhook.id}`, { enabled: true });
    expect(enabled.body).toMatchObject({ enabled: true, disabled_reason: null });
    await finish();
    await settled(webhook, 'delivered');
    expect(receiver.at(path)).toHaveLength(2);
  });

  it('that never answer hold up no other, and a redirect is not followed', async () => {
    receiver.answers.set(path, () => {});
    const stuck = await create();
    for (let n = 0; n < 8; n++) await finish();
    await eventually('four requests', () => receiver.at(path).length === 4);
    const stuckPath = path;
    path = `/${++paths}`;
    receiver.answers.set(path, (response) =>
      response.writeHead(307, { location: receiver.url('/elsewhere') }).end(),
    );
    const redirected = await create();
    await finish();
    expect((await settled(redirected, 'failed')).last_attempt).toMatchObject({ status: 307 });
    expect(receiver.at('/elsewhere')).toEqual([]);
    expect(receiver.at(stuckPath)).toHaveLength(4);
    await ask('DELETE', `/api/webhooks/${stuck.id}`);
  });

  it('a test message arrives, whatever the webhook hears of', async () => {
    const webhook = await create({ events: ['operation.failed'] });
    const { status, body } = await ask('POST', `/api/webhooks/${webhook.id}/test`);
    expect(status).toBe(202);
    await eventually('the test', () => receiver.at(path).length === 1);
    expect(receiver.at(path)[0]!.id).toBe(body.delivery_id);
    expect(receiver.verify(receiver.at(path)[0]!, webhook.secret)).toMatchObject({ type: 'opstream.test' });
  });

  it('show their secret once, and are changed and removed', async () => {
    const webhook = await create({ description: 'chat' });
    const listed = await ask<{ webhooks: Created[] }>('GET', '/api/webhooks');
    expect(listed.body.webhooks.find(({ id }) => id === webhook.id)).toMatchObject({ description: 'chat' });
    expect(listed.text).not.toContain('whsec_');
    const change = { url: receiver.url(`${path}/new`), operation_type: null };
    const changed = await ask('PATCH', `/api/webhooks/${webhook.id}`, change);
    expect(changed.body).toMatchObject({ ...change, description: 'chat' });
    expect((await ask('DELETE', `/api/webhooks/${webhook.id}`)).status).toBe(204);
    expect((await ask('GET', `/api/webhooks/${webhook.id}`)).status).toBe(404);
  });

  it.each([
    [{ url: 'ftp://example.com/' }, /address/],
    [{ url: 'https://user:pass@example.com/' }, /credentials/],
    [{ url: 'nonsense' }, /address/],
    [{}, /url/],
    [{ url: 'https://example.com/', secret: 'short' }, /secret/],
    [{ url: 'https://example.com/', events: ['operation.started'] }, /events/],
    [{ url: 'https://example.com/', misspelt: 1 }, /misspelt/],
  ])('%j is refused', async (body, reason) => {
    const answer = await ask('POST', '/api/webhooks', body);
    expect(answer.status).toBe(400);
    expect(answer.text).toMatch(reason);
  });

  it("belong to their tenant's administrators", async () => {
    const webhook = await create();
    const as = async (claims: object) => ({ authorization: `Bearer ${await sign({ id: 'u', ...claims })}` });
    const user = await service.rest.request('GET', '/api/webhooks', {
      headers: await as({ scope: 'operations:read' }),
    });
    expect(user.status).toBe(403);
    const other = await service.rest.request('GET', `/api/webhooks/${webhook.id}`, {
      headers: await as({ scope: 'admin', tenant: 'other' }),
    });
    expect(other.status).toBe(404);
  });

  it('are counted', async () => {
    const { text } = await service.rest.get('/metrics');
    expect(text).toMatch(/^opstream_webhook_attempts_total\{outcome="delivered"\} [1-9]/m);
    expect(text).toMatch(/^opstream_webhook_attempts_total\{outcome="retried"\} [1-9]/m);
    expect(text).toMatch(/^opstream_webhook_deliveries_pending \d/m);
  });
});

describe('webhooks to private addresses', () => {
  it.each(['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]'])('are refused at %s', async (host) => {
    const careful = await RunningService.start({
      STORE: 'memory',
      JWT_SECRET: SECRET,
      WEBHOOK_RETRY_SECONDS: '0.1',
    });
    try {
      const url = receiver.url(path).replace('127.0.0.1', host);
      const { body } = await ask<Created>('POST', '/api/webhooks', { url }, careful);
      await ask('POST', `/api/webhooks/${body.id}/test`, undefined, careful);
      let last: Listed['last_attempt'] = null;
      await eventually('it is given up', async () => {
        const { body: page } = await ask<{ deliveries: Listed[] }>(
          'GET',
          `/api/webhooks/${body.id}/deliveries?state=failed`,
          undefined,
          careful,
        );
        last = page.deliveries[0]?.last_attempt ?? null;
        return last !== null;
      });
      expect(last).toMatchObject({ status: null, error: 'its address is not public' });
      expect(receiver.at(path)).toEqual([]);
    } finally {
      await careful.stop();
    }
  });
});

describe('webhooks of the configuration', () => {
  it('are there under the same id after a restart, and change only in the configuration', async () => {
    const settings = {
      JWT_SECRET: SECRET,
      ALLOW_ANONYMOUS: 'true',
      WEBHOOK_ALLOWED_HOSTS: '127.0.0.1',
      WEBHOOKS: JSON.stringify([{ url: receiver.url(path), operation_type: path }]),
    };
    const one = await RunningService.start({ STORE: 'memory', ...settings });
    const { body } = await ask<{ webhooks: (Created & { configured: boolean })[] }>(
      'GET',
      '/api/webhooks',
      undefined,
      one,
    );
    expect(body.webhooks).toMatchObject([{ configured: true }]);
    const { id } = body.webhooks[0]!;
    expect((await ask('DELETE', `/api/webhooks/${id}`, undefined, one)).status).toBe(403);
    await one.rest.emit(await one.rest.open(path), 'result', { result: 1 });
    await eventually('it is told', () => receiver.at(path).length === 1);
    await one.stop();
  });
});
