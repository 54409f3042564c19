import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { RunningService } from '../harness/running-service.js';
import { SseClient } from '../harness/sse-client.js';
import { SECRET, sign } from '../harness/tokens.js';

/** An answer without what differs between any two: times, ids of errors, calls and requests, and the id asked for. */
function alike(answer: string): string {
  return answer
    .replaceAll('nowhere', 'theirs')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z?/g, 'TIME')
    .replaceAll(/\d{10}(\.\d+)?/g, 'TIME')
    .replaceAll(/"request_id":"r\d+"/g, 'REQUEST');
}

/** Nothing of one tenant may be seen or touched by another, by whatever face. */
describe('trust: tenants', () => {
  let service: RunningService;
  let owner: Record<string, string>;
  let stranger: Record<string, string>;
  let tokenOfStranger: string;
  const secretWord = 'crown jewels';
  const operationId = 'theirs';

  beforeAll(async () => {
    service = await RunningService.start({ JWT_SECRET: SECRET });
    owner = { authorization: `Bearer ${await sign({ sub: 'ann', tenant: 'acme', role: 'admin' })}` };
    tokenOfStranger = await sign({ sub: 'ann', tenant: 'rival', role: 'admin' });
    stranger = { authorization: `Bearer ${tokenOfStranger}` };
    const body = { operation_type: secretWord, operation_id: operationId, metadata: { note: secretWord } };
    await service.rest.request('POST', '/api/operations', { body, headers: owner });
  });
  afterAll(() => service.stop());

  it('REST: an operation of another tenant is not there', async () => {
    const bodies: Record<string, object> = {
      progress: { progress: 1 },
      status: { status: 'x' },
      log: { level: 'info', message: 'x' },
      result: { result: 1 },
      error: { error: 'x' },
      cancel: {},
    };
    const path = `/api/operations/${operationId}`;
    const attempts: [string, string, unknown?][] = [
      ['GET', path],
      ['GET', `${path}/events`],
      ['GET', `${path}/stream`],
      ['DELETE', path],
      ['POST', `${path}/events`, [{ event_type: 'log', data: bodies.log }]],
      ...Object.entries(bodies).map(([kind, body]): [string, string, unknown] => [
        'POST',
        `${path}/${kind}`,
        body,
      ]),
    ];
    for (const [method, url, body] of attempts) {
      const answer = await service.rest.request(method, url, {
        ...(body !== undefined && { body }),
        headers: stranger,
      });
      expect([method, url, answer.status]).toEqual([method, url, 404]);
      expect(answer.text).not.toContain(secretWord);
      const nowhere = await service.rest.request(method, url.replace(operationId, 'nowhere'), {
        ...(body !== undefined && { body }),
        headers: stranger,
      });
      expect(alike(answer.text)).toBe(alike(nowhere.text));
    }
    const list = await service.rest.request('GET', '/api/operations', { headers: stranger });
    expect(list.body.operations).toEqual([]);
    const stats = await service.rest.request('GET', '/api/stats', { headers: stranger });
    expect(stats.body).toMatchObject({ total_operations: 0, active_operations: 0, subscriptions: 0 });
  });

  it('an id in use by one tenant is free for another', async () => {
    const body = { operation_type: 'mine', operation_id: 'shared-name' };
    expect((await service.rest.request('POST', '/api/operations', { body, headers: owner })).status).toBe(
      201,
    );
    expect((await service.rest.request('POST', '/api/operations', { body, headers: stranger })).status).toBe(
      201,
    );
  });

  it('hub, agents and streams: neither by id, nor by listing, nor by following everything', async () => {
    const hub = await service.hub('/hub', { headers: stranger });
    const agent = await service.agent({ sub: 'spy', tenant: 'rival' });
    const everything = await SseClient.open(`${service.http}/api/stream?after=0`, stranger);
    await hub.ask({ command: 'subscribe_all', after: '0' });
    await hub.ask({ command: 'subscribe', operation_id: operationId, after_seq: 0 });
    await agent.ask({ type: 'subscribe', operation_id: operationId, after_seq: 0 });
    await service.rest.request('POST', `/api/operations/${operationId}/log`, {
      body: { level: 'info', message: secretWord },
      headers: owner,
    });
    expect((await hub.request({ command: 'get_operation', operation_id: operationId })).operation).toBeNull();
    for (const command of ['get_operation', 'get_history', 'emit', 'cancel_operation', 'unsubscribe']) {
      const event = { event_type: 'log', data: { level: 'info', message: 'x' } };
      const ofHub = (id: string): Promise<object> => hub.request({ command, operation_id: id, ...event });
      const ofAgent = (id: string): Promise<object> =>
        agent.ask({ type: command, operation_id: id, ...event });
      for (const ask of [ofHub, ofAgent]) {
        const answer = JSON.stringify(await ask(operationId));
        expect(alike(answer)).toBe(alike(JSON.stringify(await ask('nowhere'))));
        if (command !== 'unsubscribe' && command !== 'get_operation')
          expect(answer).toContain('"operation_not_found"');
      }
    }
    const listed = await hub.request({ command: 'list_operations' });
    expect(JSON.stringify(listed)).not.toContain(operationId);
    // Their own event comes after anything that would have leaked.
    const body = { operation_type: 'own' };
    await service.rest.request('POST', '/api/operations', { body, headers: stranger });
    await eventually('their own event', () => everything.raw.includes('own'));
    expect(everything.raw).not.toContain(secretWord);
    expect(JSON.stringify(hub.inbox)).not.toContain(secretWord);
    expect(JSON.stringify(agent.inbox)).not.toContain(secretWord);
    everything.close();
  });

  it('MCP: neither by tools nor by resources', async () => {
    const headers = {
      ...stranger,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
    };
    const post = (message: object, session?: string): Promise<Response> =>
      fetch(`${service.http}/mcp`, {
        method: 'POST',
        headers: {
          ...headers,
          'mcp-protocol-version': '2025-11-25',
          ...(session !== undefined && { 'mcp-session-id': session }),
        },
        body: JSON.stringify({ jsonrpc: '2.0', ...message }),
      });
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 't', version: '1' },
    };
    const opened = await post({ id: 1, method: 'initialize', params });
    const session = opened.headers.get('mcp-session-id')!;
    await opened.text();
    await post({ method: 'notifications/initialized' }, session);
    const attempts = [
      { method: 'resources/read', params: { uri: `operation://${operationId}` } },
      { method: 'resources/read', params: { uri: `operation://${operationId}/events` } },
      { method: 'resources/list', params: {} },
      { method: 'tasks/get', params: { taskId: operationId } },
      { method: 'tasks/list', params: {} },
      ...['get_operation', 'list_operations', 'cancel_operation', 'watch_operation'].map((name) => ({
        method: 'tools/call',
        params: { name, arguments: { operation_id: operationId } },
      })),
    ];
    for (const attempt of attempts) {
      const text = await (await post({ id: 2, ...attempt }, session)).text();
      expect(text).not.toContain(secretWord);
      const elsewhere = JSON.parse(JSON.stringify(attempt).replaceAll(operationId, 'nowhere')) as object;
      expect(alike(text)).toBe(alike(await (await post({ id: 2, ...elsewhere }, session)).text()));
    }
    const after = await service.rest.request('GET', `/api/operations/${operationId}`, { headers: owner });
    expect(after.body.status).toBe('running');
    // A session belongs to who opened it.
    const hijack = await fetch(`${service.http}/mcp`, {
      method: 'POST',
      headers: { ...headers, ...owner, 'mcp-protocol-version': '2025-11-25', 'mcp-session-id': session },
      body: JSON.stringify({ jsonrpc: '2.0', id: 99, method: 'tools/list' }),
    });
    expect(hijack.status).toBe(404);
  });

  it('metrics name no tenant and no operation', async () => {
    const { text } = await service.rest.get('/metrics');
    for (const word of ['acme', 'rival', operationId, secretWord]) expect(text).not.toContain(word);
  });
});
