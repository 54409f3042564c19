import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { HubClient } from '../harness/hub-client.js';
import { JsonSocket } from '../harness/json-socket.js';
import { LogLines } from '../harness/log-lines.js';
import { McpClient } from '../harness/mcp-client.js';
import { McpHttpClient } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';

/** The kernel reads it as 127.0.0.1; the service does not count it as a loopback address, so that limits hold. */
const PUBLIC = { HOST: '127.1', STORE: 'memory', JWT_SECRET: SECRET };
const LIMIT = 12;

let service: RunningService;
const lines = new LogLines();

beforeAll(async () => {
  service = await RunningService.start(
    { ...PUBLIC, RATE_LIMIT_API: String(LIMIT), RATE_LIMIT_WS: String(LIMIT) },
    [],
    lines,
  );
});
afterAll(() => service.stop());

interface Caller {
  readonly user: string;
  readonly token: string;
  readonly headers: Record<string, string>;
}

async function caller(user: string): Promise<Caller> {
  const token = await sign({ sub: user, tenant: 'acme' });
  return { user, token, headers: { authorization: `Bearer ${token}` } };
}

/** Another user of the tenant opens it, so that the caller's limit is untouched. */
let opened = 0;
async function open(): Promise<string> {
  const { headers } = await caller(`opener-${opened}`);
  const id = `work-${opened++}`;
  const body = { operation_type: 'work', operation_id: id };
  const { status } = await service.rest.request('POST', '/api/operations', { body, headers });
  expect(status).toBe(201);
  return id;
}

const stateOf = async (id: string) => {
  const { headers } = await caller(`reader-${opened++}`);
  return (await service.rest.request('GET', `/api/operations/${id}`, { headers })).body.status;
};

/** Ways to cancel, each with the one that uses up the caller's messages or requests before. */
const WAYS: Readonly<Record<string, (who: Caller, id: string) => Promise<void>>> = {
  async REST({ headers }, id) {
    for (let n = 0; n <= LIMIT; n++) await service.rest.request('GET', '/api/stats', { headers });
    expect((await service.rest.request('GET', '/api/stats', { headers })).status).toBe(429);
    const answer = await service.rest.request('POST', `/api/operations/${id}/cancel`, { body: {}, headers });
    expect(answer.status).toBe(200);
  },
  async hub({ headers }, id) {
    const hub = await HubClient.connect(`${service.ws}/hub`, { headers });
    for (let n = 0; n <= LIMIT; n++) await hub.request({ command: 'ping' });
    const refused = await hub.request({ command: 'ping' });
    // By its id, so that the client knows what was refused.
    expect(refused).toMatchObject({ event_type: 'command_error', data: { code: 'too_many_requests' } });
    const unsubscribed = await hub.request({ command: 'unsubscribe_all' });
    expect(unsubscribed.status).toBe('unsubscribed');
    expect((await hub.request({ command: 'cancel_operation', operation_id: id })).status).toBe('cancelled');
    hub.terminate();
  },
  async agents({ token }, id) {
    const socket = await JsonSocket.connect(`${service.ws}/agents?token=${token}`);
    await socket.next();
    for (let n = 0; n <= LIMIT; n++) await socket.ask({ type: 'ping', id: n });
    expect(await socket.ask({ type: 'get_stats', id: 'refused' })).toMatchObject({
      id: 'refused',
      status: 'error',
    });
    const answer = await socket.ask({ type: 'cancel_operation', id: 'c', operation_id: id });
    expect(answer).toMatchObject({ id: 'c', status: 'success' });
    socket.terminate();
  },
  async 'agents, in a batch'({ token }, id) {
    const socket = await JsonSocket.connect(`${service.ws}/agents?token=${token}`);
    await socket.next();
    for (let n = 0; n <= LIMIT; n++) await socket.ask({ type: 'ping', id: n });
    const batch = (messages: object[]) => socket.ask({ type: 'batch', id: 'b', messages });
    expect(await batch([{ type: 'ping', id: 1 }])).toMatchObject({
      type: 'error',
      code: 'too_many_requests',
    });
    const answer = await batch([{ type: 'cancel_operation', id: 'c', operation_id: id }]);
    expect(JSON.stringify(answer)).toContain('cancelled');
    socket.terminate();
  },
  async 'MCP over WebSocket'({ headers }, id) {
    const client = await McpClient.connect(`${service.ws}/mcp`, { headers });
    await client.initialize();
    for (let n = 0; n <= LIMIT; n++) await client.request('ping');
    expect((await client.request('ping')).error?.data).toMatchObject({ code: 'too_many_requests' });
    const { isError } = await client.call('cancel_operation', { operation_id: id });
    expect(isError).not.toBe(true);
    client.terminate();
  },
  async 'MCP over HTTP'({ headers }, id) {
    const client = new McpHttpClient(`${service.http}/mcp`, headers);
    await client.initialize();
    for (let n = 0; n <= LIMIT; n++) await client.request('ping');
    expect((await client.request('ping')).status).toBe(429);
    expect((await client.call('cancel_operation', { operation_id: id })).status).toBe(200);
  },
  async 'MCP, as a task'({ headers }, id) {
    const client = await McpClient.connect(`${service.ws}/mcp`, { headers });
    await client.initialize('2025-11-25', { tasks: { cancel: {} } });
    for (let n = 0; n <= LIMIT; n++) await client.request('ping');
    await client.result('tasks/cancel', { taskId: id });
    client.terminate();
  },
};

describe('whoever is over the limit can still end what runs', () => {
  it.each(Object.entries(WAYS))(
    '%s: the cancellation is carried out, and written down with who it was',
    async (name, cancel) => {
      const who = await caller(`hasty-${name.replaceAll(/\W/g, '-')}`);
      const id = await open();
      await cancel(who, id);
      expect(await stateOf(id)).toBe('cancelled');
      const line = lines.of('operation_cancelled').filter(({ target }) => target === id);
      expect(line).toMatchObject([{ userId: who.user, tenant: 'acme', ip: '127.0.0.1' }]);
    },
  );

  it('a repeated cancellation is one action, and a refused one none', async () => {
    const { headers } = await caller('twice');
    const hub = await HubClient.connect(`${service.ws}/hub`, { headers });
    const id = await open();
    for (let n = 0; n < 2; n++)
      await hub.request({ command: 'cancel_operation', operation_id: id, event_id: 'the same' });
    const again = await hub.request({ command: 'cancel_operation', operation_id: id });
    expect(again.data.code).toBe('operation_ended');
    hub.terminate();
    expect(lines.of('operation_cancelled').filter(({ target }) => target === id)).toHaveLength(1);
  });
});

describe('what MCP has unanswered', () => {
  it('is bounded in bytes over all connections of a user, and others are left alone', async () => {
    const eager = await RunningService.start({ STORE: 'memory', JWT_SECRET: SECRET });
    const connect = async (user: string) => {
      const client = await McpClient.connect(`${eager.ws}/mcp`, { headers: (await caller(user)).headers });
      await client.initialize();
      return client;
    };
    await eager.rest.request('POST', '/api/operations', {
      body: { operation_type: 'work', operation_id: 'never-ends' },
      headers: (await caller('opener')).headers,
    });
    const filler = 'x'.repeat(900_000);
    const watch = (client: McpClient, id: number) =>
      client.send({
        jsonrpc: '2.0',
        id: `w${id}`,
        method: 'tools/call',
        params: { name: 'watch_operation', arguments: { operation_id: 'never-ends' }, _meta: { filler } },
      });
    const clients = [await connect('greedy'), await connect('greedy')];
    for (let n = 0; n < 30; n++) for (const client of clients) watch(client, n);
    const refused = await clients[1]!.answerTo('w29');
    expect(refused.error?.data).toMatchObject({ code: 'too_many_requests' });
    const other = await connect('modest');
    watch(other, 1);
    expect((await other.request('ping')).error).toBeUndefined();
    // What is cancelled makes room again; a session's requests outlive their connection.
    for (const client of clients) {
      for (let n = 0; n < 30; n++)
        client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: `w${n}` } });
      await client.request('ping');
      client.terminate();
    }
    const again = await connect('greedy');
    let tries = 0;
    await eventually('there is room again', async () => {
      const id = ++tries;
      watch(again, id);
      // Answered after the refusal, if there is one.
      await again.request('ping');
      return !again.frames.some((text) => text.includes(`"w${id}"`) && text.includes('too_many_requests'));
    });
    again.terminate();
    other.terminate();
    await eager.stop();
  });
});
