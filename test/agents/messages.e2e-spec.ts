import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentsGateway } from '../../src/streaming/agents/agents.gateway.js';
import { eventually } from '../harness/eventually.js';
import { JsonSocket } from '../harness/json-socket.js';
import { LogLines } from '../harness/log-lines.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';

const ISO: unknown = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

describe('agents: messages', () => {
  let service: RunningService;
  const log = new LogLines();

  beforeAll(async () => {
    const settings = {
      STORE: 'memory',
      JWT_SECRET: SECRET,
      LOG_LEVEL: 'debug',
      MAX_CONNECTIONS_PER_USER: '100',
    };
    service = await RunningService.start(settings, [], log);
  });
  afterAll(() => service.stop());

  it('S4-V03 S4-07 S4-27 S4-44: greets', async () => {
    const agent = await JsonSocket.connect(`${service.ws}/agents?token=${await sign({ id: 'u' })}`);
    expect(await agent.next()).toEqual({
      type: 'connection_established',
      message: 'Connected to MCP Server',
      timestamp: ISO,
    });
    await agent.close();
  });

  it('S4-V04 S4-V05 S4-28: answers a ping with its id, or without one', async () => {
    const agent = await service.agent();
    expect(await agent.ask({ type: 'ping', id: 'p-1' })).toEqual({ type: 'pong', id: 'p-1', timestamp: ISO });
    expect(await agent.ask({ type: 'ping' })).toEqual({ type: 'pong', timestamp: ISO });
  });

  it('S4-V10 S4-33 S4-34 S4-38: tells all of the tenant an agent status, once, and acknowledges it', async () => {
    const [reporter, other, stranger] = await Promise.all([
      service.agent({ id: 'a' }),
      service.agent({ id: 'b' }),
      service.agent({ id: 'c', tenant: 'elsewhere' }),
    ]);
    reporter.send({ type: 'agent_status', id: 's1', agentId: 'agent-7', status: 'busy' });
    const update = { type: 'agent_status_update', agentId: 'agent-7', status: 'busy', timestamp: ISO };
    expect(await other.next()).toEqual(update);
    expect(await reporter.take(2)).toEqual([
      update,
      { type: 'agent_status_ack', id: 's1', agentId: 'agent-7', timestamp: ISO },
    ]);
    for (const agent of [other, stranger]) {
      expect(await agent.ask({ type: 'ping', id: 'nothing more' })).toMatchObject({ type: 'pong' });
    }
    expect(log.of('agent_status_update')).toMatchObject([{ agentId: 'agent-7', status: 'busy' }]);
    expect(log.of('websocket_broadcast').at(-1)).toMatchObject({ messageType: 'agent_status_update' });
  });

  it('S4-V11 S4-35 S4-38 X-52: names a type it does not know', async () => {
    const agent = await service.agent();
    const answer = await agent.ask({ type: 'nope', id: 7 });
    expect(answer).toMatchObject({
      type: 'error',
      id: 7,
      message: 'Unknown message type: nope',
      timestamp: ISO,
    });
    for (const frame of ['[]', '"str"', '5', '{}']) {
      expect(await agent.ask(frame)).toMatchObject({ message: 'Unknown message type: undefined' });
    }
    expect(log.of('unknown_message_type').length).toBeGreaterThan(0);
  });

  it('S4-V12 S4-36 S4-38 X-52: says that it failed for bad JSON and null, and goes on', async () => {
    const agent = await service.agent();
    for (const frame of ['not json', 'null', '{"type":"ping"', '']) {
      expect(await agent.ask(frame)).toMatchObject({
        type: 'error',
        message: 'Failed to process message',
        error: expect.any(String) as unknown,
        timestamp: ISO,
      });
    }
    expect(await agent.ask({ type: 'ping', id: 1 })).toMatchObject({ type: 'pong', id: 1 });
    expect(log.of('websocket_message_processing_error').length).toBe(4);
  });

  it('S4-V14 S4-37: takes JSON in a binary frame', async () => {
    const agent = await service.agent();
    agent.socket.send(Buffer.from('{"type":"ping","id":"bin"}'));
    expect(await agent.next()).toMatchObject({ type: 'pong', id: 'bin' });
  });

  it('refuses an agent status without its parts, and tells nobody', async () => {
    const agent = await service.agent();
    for (const bad of [{}, { agentId: 'x' }, { agentId: '', status: 'x' }, { agentId: 'x', status: {} }]) {
      const answer = await agent.ask({ type: 'agent_status', id: 3, ...bad });
      expect(answer).toMatchObject({ type: 'error', id: 3, message: 'Failed to process message' });
    }
  });

  it('carries out hub commands, answered as a response with their id', async () => {
    const agent = await service.agent();
    const created = await agent.ask({
      type: 'create_operation',
      id: 1,
      operation_type: 'build',
      operation_id: 'op-1',
    });
    expect(created).toMatchObject({
      id: 1,
      type: 'response',
      status: 'success',
      result: { status: 'created', operation: { operation_id: 'op-1', status: 'running' } },
      timestamp: ISO,
    });
    const missing = {
      type: 'emit',
      id: 'e',
      operation_id: 'nowhere',
      event_type: 'log',
      data: { level: 'info', message: '' },
    };
    expect(await agent.ask(missing)).toMatchObject({
      id: 'e',
      type: 'response',
      status: 'error',
      code: 'operation_not_found',
    });
    expect(await agent.ask({ command: 'get_operation', operation_id: 'op-1', id: 2 })).toMatchObject({
      id: 2,
      result: { operation: { operation_id: 'op-1' } },
    });
  });

  it('follows operations: the hub’s events arrive as operation_event, from any place of the log', async () => {
    const operationId = await service.rest.open();
    await service.rest.emit(operationId, 'progress', { progress: 0.5 });
    const agent = await service.agent();
    const answer = await agent.ask({ type: 'subscribe', id: 1, operation_id: operationId, after_seq: 0 });
    expect(answer).toMatchObject({ type: 'response', status: 'success', result: { status: 'subscribed' } });
    await service.rest.emit(operationId, 'result', { result: 'x'.repeat(3000) });
    const events = await agent.take(4);
    expect(events.map(({ type }) => type)).toEqual(Array(4).fill('operation_event'));
    const seqs = events.map(({ event }) => (event as { seq: number }).seq);
    expect(seqs).toEqual([1, 2, 3, 4]);
    expect(events[2]).toEqual({
      type: 'operation_event',
      timestamp: ISO,
      event: expect.objectContaining({ event_type: 'result', data: { result: 'x'.repeat(3000) } }) as unknown,
    });
  });

  it('S4-38 S4-39 S4-40: sends a message of the application’s own to a tenant, leaving one out', async () => {
    const gateway = service.get(AgentsGateway);
    const [one, two] = await Promise.all([
      service.agent({ id: 'x', tenant: 'own' }),
      service.agent({ id: 'y', tenant: 'own' }),
    ]);
    expect(gateway.broadcast('own', { type: 'notice', n: 1 })).toBe(2);
    const broadcast = { clientCount: 2, sentCount: 2, messageType: 'notice' };
    expect(log.of('websocket_broadcast').at(-1)).toMatchObject(broadcast);
    expect(await one.next()).toEqual({ type: 'notice', n: 1 });
    expect(await two.next()).toEqual({ type: 'notice', n: 1 });
    expect(gateway.broadcast('nobody', { type: 'notice' })).toBe(0);
    expect(gateway.getConnections()).toBeGreaterThanOrEqual(2);
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    expect(gateway.broadcast('own', cyclic)).toBe(0);
    expect(log.of('websocket_broadcast_error')).toHaveLength(1);
  });

  it('S4-V24 S4-24 S4-70: counts connections, messages, agents and errors', async () => {
    const agent = await service.agent({ id: 'metrics' });
    await agent.ask({ type: 'ping' });
    agent.send({ type: 'agent_status', agentId: 'm1', status: 'idle' });
    agent.send({ type: 'agent_status', agentId: 'm2', status: 'my secret is 42' });
    await agent.take(4);
    const { text } = await service.rest.get('/metrics');
    const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
    expect(value('websocket_connections')).toBeGreaterThan(0);
    expect(value('websocket_messages_total\\{direction="incoming"\\}')).toBeGreaterThan(0);
    expect(value('websocket_messages_total\\{direction="outgoing"\\}')).toBeGreaterThan(0);
    expect(value('agents_count\\{status="idle"\\}')).toBe(1);
    expect(value('agents_count\\{status="other"\\}')).toBeGreaterThan(0);
    expect(value('errors_total\\{type="server"\\}')).toBeGreaterThan(0);
    expect(text).not.toContain('secret is');
    await agent.close();
    await eventually(
      'the agents of a closed connection are gone',
      async () => !(await service.rest.get('/metrics')).text.includes('agents_count{status="idle"}'),
    );
  });

  it('S4-71: message logs hide secrets at any depth', async () => {
    const agent = await service.agent();
    await agent.ask({ type: 'ping', id: 'log', nested: [{ apiKey: 'hunter2', fine: 'shown' }] });
    const messages = JSON.stringify(log.of('websocket_message'));
    expect(messages).toContain('"id":"log"');
    expect(messages).toContain('shown');
    expect(messages).toContain('[REDACTED]');
    expect(JSON.stringify(log.lines)).not.toContain('hunter2');
  });

  it('S4-21 S4-24: a failure of the server itself is logged and counted, and ends nothing', async () => {
    const failures = async (): Promise<number> =>
      Number(
        /^errors_total\{type="server"\} (\d+)/m.exec((await service.rest.get('/metrics')).text)?.[1] ?? 0,
      );
    const before = await failures();
    // As Node does when the system cannot accept a connection.
    service.app.getHttpServer().emit('error', new Error('accept EMFILE'));
    expect(log.of('websocket_server_error')).toMatchObject([{ error: { message: 'accept EMFILE' } }]);
    expect(await failures()).toBe(before + 1);
    expect((await service.rest.get('/health')).status).toBe(200);
  });

  it('S4-33 S4-34: agents may be numbered', async () => {
    const agent = await service.agent();
    agent.send({ type: 'agent_status', id: 1, agentId: 42, status: 'idle' });
    expect(await agent.take(2)).toMatchObject([
      { type: 'agent_status_update', agentId: 42, status: 'idle' },
      { type: 'agent_status_ack', id: 1, agentId: 42 },
    ]);
    agent.send({ type: 'agent_status', id: 2, agentId: {}, status: 'idle' });
    expect(await agent.next()).toMatchObject({ type: 'error', id: 2 });
    await agent.close();
  });

  it('S4-18 S4-19 S4-26: writes the document’s start lines', () => {
    expect(log.texts).toEqual(
      expect.arrayContaining([
        'Initializing WebSocket server on path: /agents',
        'WebSocket server initialized successfully',
        'WebSocket heartbeat started with interval: 30000ms',
      ]),
    );
  });
});
