import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HubClient, RestClient, SharedSession } from '../../src/client/index.js';
import { JsonSocket } from '../harness/json-socket.js';
import { RunningService } from '../harness/running-service.js';
import { SessionAgent } from './session-client.js';

describe('sessions over REST and the SDK', () => {
  let service: RunningService;
  beforeAll(async () => {
    service = await RunningService.start();
  });
  afterAll(() => service.stop());

  const post = (path: string, body: unknown) => service.rest.request('POST', path, { body });
  const get = (path: string) => service.rest.request('GET', path);

  it('refuses an order of messages that there is not', async () => {
    await post('/api/sessions', { purpose: 'order', session_id: 'ordered' });
    expect((await get('/api/sessions/ordered/messages?order=newest')).status).toBe(200);
    expect(await get('/api/sessions/ordered/messages?order=newst')).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', detail: 'order must be one of oldest, newest' },
    });
  });

  it('creates, lists, closes; a closed session can be read and takes no message', async () => {
    const { status, body } = await post('/api/sessions', { purpose: ' work ', session_id: 'my session' });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      session_id: 'my session',
      purpose: 'work',
      created_by: 'anonymous',
      closed_at: null,
    });
    expect((await post('/api/sessions', { purpose: 'x', session_id: 'my session' })).body).toMatchObject({
      code: 'session_exists',
    });
    expect((await post('/api/sessions', { purpose: 'x', colour: 1 })).body).toMatchObject({
      code: 'invalid_request',
    });
    expect((await post('/api/sessions', { purpose: '  ' })).body).toMatchObject({ code: 'invalid_input' });
    expect((await get('/api/sessions?limit=1')).body).toMatchObject({
      sessions: [{ session_id: 'my session' }],
    });
    expect((await post('/api/sessions/my%20session/close', {})).body).toMatchObject({
      closed_at: expect.any(Number),
    });
    const refused = await post('/api/sessions/my%20session/messages', { content: 'x' });
    expect(refused).toMatchObject({ status: 409, body: { code: 'session_closed' } });
    expect((await get('/api/sessions/nope')).body).toMatchObject({ code: 'session_not_found' });
  });

  it('adds a message with a key once, and says so', async () => {
    const { body } = await post('/api/sessions', { purpose: 'keys' });
    const path = `/api/sessions/${String(body.session_id)}/messages`;
    const first = await post(path, { content: 'one', message_key: 'k', metadata: { a: 1 } });
    expect(first).toMatchObject({ status: 201, body: { seq: 1, metadata: { a: 1 }, sender: 'anonymous' } });
    expect(await post(path, { content: 'two', message_key: 'k' })).toMatchObject({
      status: 200,
      body: first.body,
    });
    expect((await get(path)).body).toMatchObject({ total_count: 1 });
    expect((await post(path, { content: 'x'.repeat(100_001) })).body).toMatchObject({
      code: 'content_too_large',
    });
    expect((await post(path, { content: 'x', metadata: { x: 'y'.repeat(10_000) } })).body).toMatchObject({
      code: 'metadata_too_large',
    });
    expect((await post(path, { content: 'x', metadata: [1] })).body).toMatchObject({
      code: 'invalid_metadata_format',
    });
  });

  it('keeps memory with versions', async () => {
    const put = (key: string, body: unknown) => service.rest.request('PUT', `/api/memory/${key}`, { body });
    expect((await put('k', { value: { big: 1 } })).body).toMatchObject({ value: { big: 1 }, version: 1 });
    expect((await put('k', { value: 2, if_version: 5 })).body).toMatchObject({ code: 'version_conflict' });
    expect((await put('k', { value: 2, if_version: 1 })).body).toMatchObject({ value: 2, version: 2 });
    expect((await get('/api/memory?prefix=k')).body).toMatchObject({ entries: [{ key: 'k' }] });
    expect((await service.rest.request('DELETE', '/api/memory/k')).status).toBe(204);
    expect((await get('/api/memory/k')).status).toBe(404);
  });

  it('the event stream resumes behind the message that was read last', async () => {
    const { body } = await post('/api/sessions', { purpose: 'stream' });
    const path = `/api/sessions/${String(body.session_id)}`;
    for (const content of ['one', 'two']) await post(`${path}/messages`, { content });
    const response = await fetch(`${service.http}${path}/stream`, { headers: { 'Last-Event-ID': '1' } });
    const reader = response.body!.getReader();
    const text = new TextDecoder().decode((await reader.read()).value);
    expect(text).toMatch(/^id: 2\nevent: message\ndata: \{"seq":2,.*"content":"two"/);
    await reader.cancel();
  });

  it('the SDK reads what was said, goes on live, and survives a lost connection', async () => {
    const hub = new HubClient({ url: service.http });
    const rest = new RestClient({ url: service.http });
    const { session_id: id } = await SharedSession.create(rest, 'sdk');
    const session = hub.session(id);
    await session.send('one');
    const seen: string[] = [];
    const ending = new AbortController();
    const reading = (async () => {
      for await (const { content } of session.follow({
        signal: ending.signal,
        reconnect: { maxAttempts: Infinity, delay: () => 10 },
      }))
        seen.push(content);
    })();
    await session.send('two');
    await expect.poll(() => seen).toEqual(['one', 'two']);
    service.app.getHttpServer().closeAllConnections();
    await session.send('three').catch(() => session.send('three', { message_key: 'again' }));
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(3);
    ending.abort();
    await reading;
    expect((await session.search('thre'))[0]!.message.content).toBe('three');
    expect((await session.messages()).total_count).toBe(3);
    expect(await session.memory.set('k', [1])).toMatchObject({ value: [1], session_id: id });
    const socket = await JsonSocket.connect(`${service.ws}/sessions/${id}`);
    await expect.poll(() => session.presence()).toEqual([{ agent_id: 'anonymous', connections: 1 }]);
    await socket.close();
    hub.close();
  });

  it('an operation that names a session tells it how it ended, once', async () => {
    const { body } = await post('/api/sessions', { purpose: 'results' });
    const id = String(body.session_id);
    await post('/api/operations', {
      operation_type: 'build',
      operation_id: 'b1',
      metadata: { session_id: id },
    });
    await post('/api/operations/b1/result', { result: { ok: true } });
    const messages = async () => (await get(`/api/sessions/${id}/messages`)).body.messages as unknown[];
    await expect.poll(messages).toMatchObject([
      {
        sender: 'opstream',
        message_type: 'operation_end',
        content: 'Operation b1 (build) ended as completed: {"ok":true}',
        metadata: { operation_id: 'b1', operation_type: 'build', status: 'completed' },
      },
    ]);
  });

  it('the prompts are about the caller’s sessions', async () => {
    const agent = await SessionAgent.connect(service.ws);
    const id = await agent.newSession('debugging');
    await agent.say(id, 'hello there');
    const prompt = async (name: string, args: object) =>
      JSON.stringify(await agent.mcp.result('prompts/get', { name, arguments: args }));
    expect(await prompt('debug-session', { session_id: id })).toContain('hello there');
    expect(await prompt('debug-session', { session_id: 'nope' })).toContain('not found');
    expect(await prompt('setup-collaboration', { purpose: 'Ship it', agent_types: '["gemini"]' })).toContain(
      'gemini-1',
    );
    expect(await prompt('setup-collaboration', { purpose: 'p', agent_types: 'nope' })).toContain(
      'Unknown agent types',
    );
    for (const uri of ['server://info', 'server://info/x', 'docs://tools', 'docs://tools/x'])
      expect((await agent.mcp.result('resources/read', { uri })).contents[0]).toMatchObject({
        mimeType: 'application/json',
      });
  });

  it('metrics count sessions and messages', async () => {
    const { text } = await get('/metrics');
    expect(text).toMatch(/opstream_sessions\{what="sessions"\} [1-9]/);
    expect(text).toMatch(/opstream_session_messages_total\{visibility="public"\} [1-9]/);
  });
});
