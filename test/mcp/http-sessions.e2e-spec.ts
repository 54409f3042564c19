import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SignJWT } from 'jose';
import { McpSessions } from '../../src/mcp/session/mcp-sessions.service.js';
import { eventually } from '../harness/eventually.js';
import { modern } from '../harness/mcp-client.js';
import { McpHttpClient, modernHeaders, parseEvents, readEvents, type SseEvent } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';
import { ConformanceFixtureModule } from './conformance/conformance-fixture.module.js';
import { ProbeTools, ProbeToolsModule } from './probe-tools.js';

const SECRET = 'a-secret-of-at-least-32-characters-for-tests';

let service: RunningService;
let client: McpHttpClient;

const token = (sub: string, tenant = 'default') =>
  new SignJWT({ sub, tenant })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET));

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory', JWT_SECRET: SECRET }, [
    ProbeToolsModule,
    ConformanceFixtureModule,
  ]);
});
beforeEach(() => {
  client = new McpHttpClient(`${service.http}/mcp`);
});
afterAll(() => service.stop());

const bearer = async (sub: string, tenant?: string) => ({
  authorization: `Bearer ${await token(sub, tenant)}`,
});

/** A client with a session in a tenant. */
async function at(tenant: string): Promise<McpHttpClient> {
  const one = new McpHttpClient(`${service.http}/mcp`, await bearer('u', tenant));
  await one.initialize();
  return one;
}

/** The operation that records the newest call of a tool. */
async function newest(tool: string): Promise<{ event_count: number; status: string }> {
  const path = `/api/operations?type=mcp.tool/${tool}&limit=1`;
  const { body } = await service.rest.get<{ operations: { event_count: number; status: string }[] }>(path);
  return body.operations[0]!;
}

/** Takes events until one that fits, closing nothing. */
async function until(
  events: AsyncGenerator<SseEvent>,
  fits: (event: SseEvent) => boolean,
): Promise<SseEvent[]> {
  const seen: SseEvent[] = [];
  for (;;) {
    const { value, done } = await events.next();
    if (done) throw new Error(`The stream ended after ${JSON.stringify(seen)}`);
    seen.push(value);
    if (fits(value)) return seen;
  }
}

describe('MCP sessions over HTTP', () => {
  it.each(['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'])('%s is spoken', async (version) => {
    const { headers, answer, status } = await client.initialize(version);
    expect(status).toBe(200);
    expect(answer.result.protocolVersion).toBe(version);
    expect(headers.get('mcp-session-id')).toMatch(/^[\x21-\x7e]{32}$/);
    expect((await client.post({ jsonrpc: '2.0', method: 'notifications/initialized' })).status).toBe(202);
    expect((await client.call('echo', { text: 'x' })).answer.result.content[0]!.text).toBe('x');
  });

  it('an unknown version is answered with the newest', async () => {
    expect((await client.initialize('1999-01-01')).answer.result.protocolVersion).toBe('2025-11-25');
  });

  it('need their id: 400 without, 404 with an unknown one, and an unsupported version header is 400', async () => {
    const list = client.message('tools/list', {});
    expect((await client.post(list)).status).toBe(400);
    expect((await client.post(list, { 'mcp-session-id': 'nobody' })).status).toBe(404);
    await client.initialize();
    expect((await client.post(list, { 'mcp-protocol-version': '2019-01-01' })).status).toBe(400);
    expect((await client.post(list, { 'mcp-protocol-version': '2025-11-25' })).status).toBe(200);
  });

  it('end by DELETE, and with them their calls and streams', async () => {
    await client.initialize();
    const stream = await client.get();
    const call = await client.fetch(client.message('tools/call', { name: 'gate' }));
    await until(readEvents(call), ({ data }) => data.includes('first'));
    const probes = service.get(ProbeTools);
    probes.aborted = undefined;
    const headers = { 'mcp-session-id': client.sessionId! };
    expect((await fetch(client.url, { method: 'DELETE', headers })).status).toBe(204);
    await eventually('the call ends', () => probes.aborted !== undefined);
    expect(parseEvents(await stream.text()).every(({ data }) => data === '')).toBe(true);
    expect((await client.call('echo', { text: 'x' })).status).toBe(404);
  });

  it('have ids that nobody can guess, and serve only the user and tenant that opened them', async () => {
    const ids = new Set<string>();
    for (let n = 0; n < 50; n++) {
      await client.initialize();
      ids.add(client.sessionId!);
    }
    expect(ids.size).toBe(50);
    const ada = new McpHttpClient(client.url, await bearer('ada'));
    await ada.initialize();
    expect((await ada.request('tools/list')).status).toBe(200);
    const others = [await bearer('bob'), await bearer('ada', 'elsewhere'), {}];
    for (const headers of others) {
      const thief = new McpHttpClient(client.url, headers);
      thief.sessionId = ada.sessionId;
      expect((await thief.request('tools/list')).status).toBe(404);
      expect((await thief.get()).status).toBe(404);
      expect(
        (
          await fetch(client.url, {
            method: 'DELETE',
            headers: { ...headers, 'mcp-session-id': ada.sessionId! },
          })
        ).status,
      ).toBe(404);
    }
  });

  it('a tenant sees nothing of another: operations, tasks and resources', async () => {
    const [mine, theirs] = [await at('mine'), await at('theirs')];
    await mine.call('create_operation', { operation_type: 'secret', operation_id: 'of-mine' });
    expect((await theirs.call('get_operation', { operation_id: 'of-mine' })).answer.result.isError).toBe(
      true,
    );
    expect((await theirs.call('list_operations')).answer.result.structuredContent.operations).toEqual([]);
    expect((await theirs.request('tasks/get', { taskId: 'of-mine' })).answer.error?.code).toBe(-32602);
    expect((await theirs.request('tasks/list')).answer.result.tasks).toEqual([]);
    expect((await theirs.request('resources/read', { uri: 'operation://of-mine' })).answer.error?.code).toBe(
      -32002,
    );
    await theirs.request('resources/subscribe', { uri: 'operation://of-mine' });
    const events = readEvents(await theirs.get());
    await mine.call('cancel_operation', { operation_id: 'of-mine' });
    await theirs.call('create_operation', { operation_type: 'own', operation_id: 'own' });
    await theirs.request('resources/subscribe', { uri: 'operation://own' });
    await theirs.call('cancel_operation', { operation_id: 'own' });
    const seen = await until(events, ({ data }) => data.includes('operation://own'));
    expect(seen.some(({ data }) => data.includes('of-mine'))).toBe(false);
  });

  it('the standalone stream carries what the server says of its own accord', async () => {
    await client.initialize();
    const events = readEvents(await client.get());
    await client.call('test_trigger_tool_change');
    const [primer, ...seen] = await until(events, ({ data }) => data.includes('list_changed'));
    expect(primer).toMatchObject({ id: expect.stringMatching(/-0$/), data: '' });
    expect(JSON.parse(seen.at(-1)!.data)).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/tools/list_changed',
    });
  });

  it('a broken stream goes on where it stopped, by Last-Event-ID: nothing is lost or repeated', async () => {
    await client.initialize();
    const probes = service.get(ProbeTools);
    probes.waiting = false;
    const abort = new AbortController();
    const body = client.message('tools/call', { name: 'gate', _meta: { progressToken: 'p' } });
    const response = await client.fetch(body, {}, abort.signal);
    const before = await until(readEvents(response), ({ data }) => data.includes('notifications/progress'));
    const last = before.at(-1)!;
    abort.abort();
    // A disconnection is no cancellation here: the call goes on, and ends while nobody reads.
    await eventually('it waits', () => probes.waiting);
    probes.open();
    await eventually('the call ends', async () => (await newest('gate')).status === 'completed');
    const resumed = parseEvents(await (await client.get({ 'last-event-id': last.id! })).text());
    const ids = [...before, ...resumed].map(({ id }) => Number(id!.split('-')[1]));
    expect(ids).toEqual(ids.map((_, index) => index));
    expect(JSON.parse(resumed.at(-1)!.data)).toMatchObject({
      id: body.id,
      result: { content: [{ text: 'passed' }] },
    });
    // Once more: the same, since the client may lose the second connection, too.
    const again = parseEvents(await (await client.get({ 'last-event-id': last.id! })).text());
    expect(again).toEqual(resumed);
    expect((await client.get({ 'last-event-id': last.id!.replace(/\d+-/, '999-') })).status).toBe(400);
    expect((await client.get({ 'last-event-id': 'nonsense' })).status).toBe(400);
    // Nothing is left: 204 tells the client not to come back.
    expect((await client.get({ 'last-event-id': resumed.at(-1)!.id! })).status).toBe(204);
  });

  it("another session's event ids lead nowhere", async () => {
    await client.initialize();
    const response = await client.fetch(
      client.message('tools/call', { name: 'unrecorded', arguments: { text: 'private' } }),
    );
    const [first] = parseEvents(await response.text());
    const other = new McpHttpClient(client.url);
    await other.initialize();
    await other.fetch(other.message('tools/call', { name: 'unrecorded', arguments: { text: 'own' } }));
    // Not 404: beside a session id that says that the session is gone.
    expect((await other.get({ 'last-event-id': first!.id! })).status).toBe(400);
  });

  it('are given up, the longest unused first, when one user has too many', () => {
    const sessions = service.get(McpSessions);
    const principal = {
      userId: 'hoarder',
      tenant: 'hoards',
      scopes: new Set<never>(),
      authenticated: true,
      claims: {},
    };
    const opened = Array.from({ length: 5001 }, () => sessions.open(principal, {}, 'http').id);
    expect(sessions.find(opened[0]!, principal)).toBeUndefined();
    expect(sessions.find(opened[1]!, principal)).toBeDefined();
    for (const id of opened) {
      const session = sessions.find(id, principal);
      if (session) sessions.end(session, 'test');
    }
  });

  it('a slow reader slows the tool, and no notification is lost', async () => {
    await client.initialize();
    const body = client.message('tools/call', {
      name: 'flood',
      arguments: { count: 400, size: 20_000 },
      _meta: { progressToken: 0 },
    });
    const response = await client.fetch(body);
    const reader = response.body!.getReader();
    await reader.read();
    // Eight megabytes are due; what the sockets take is a fraction of it.
    let count = -1;
    await eventually('the tool waits', async () => {
      const before = count;
      count = (await newest('flood')).event_count;
      return count === before && count < 400;
    });
    expect((await newest('flood')).status).toBe('running');
    let text = '';
    const decoder = new TextDecoder();
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read())
      text += decoder.decode(chunk.value, { stream: true });
    expect(text.match(/"progress":\d+/g)!.length).toBeGreaterThanOrEqual(399);
    expect(text).toContain('flooded');
  });

  it('end with the service: streams are closed, running calls and listeners are answered, and it stops at once', async () => {
    const ending = await RunningService.start({ STORE: 'memory' }, [ProbeToolsModule]);
    const user = new McpHttpClient(`${ending.http}/mcp`);
    await user.initialize();
    const standalone = await user.get();
    const call = await user.fetch(user.message('tools/call', { name: 'gate' }));
    const params = { notifications: { toolsListChanged: true } };
    const listening = await user.fetch(
      user.message('subscriptions/listen', modern(params)),
      modernHeaders('subscriptions/listen', params),
    );
    const begun = performance.now();
    const texts = Promise.all([standalone.text(), call.text(), listening.text()]);
    await ending.stop();
    expect(performance.now() - begun).toBeLessThan(5000);
    const [, called, listened] = await texts;
    expect(called).toContain('The service was stopped');
    expect(parseEvents(listened).at(-1)!.data).toContain('"result":{"resultType":"complete","_meta"');
  });
});
