import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_SCOPES } from '../../src/auth/principal.js';
import { ToolRunner } from '../../src/mcp/calls/tool-runner.service.js';
import { RPC } from '../../src/mcp/protocol/rpc-error.js';
import { ResourceSubscriptions } from '../../src/mcp/resources/resource-subscriptions.service.js';
import { McpSessions } from '../../src/mcp/session/mcp-sessions.service.js';
import { eventually } from '../harness/eventually.js';
import { McpClient, type Json, type RpcAnswer } from '../harness/mcp-client.js';
import { McpHttpClient, readEvents } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';
import { LogLines } from '../harness/log-lines.js';
import { ConformanceFixtureModule } from './conformance/conformance-fixture.module.js';
import {
  dueFor,
  existsOnlyThere,
  headersFor,
  inModernEra,
  isObject,
  message,
  type Due,
} from './odd-messages.js';
import { ProbeTools, ProbeToolsModule } from './probe-tools.js';

/** Whoever comes without a token on loopback. */
const ANONYMOUS = {
  userId: 'anonymous',
  tenant: 'default',
  scopes: DEFAULT_SCOPES,
  authenticated: false,
  claims: {},
};
const CODES: ReadonlySet<number> = new Set(Object.values(RPC));

let service: RunningService;
const log = new LogLines();
const sockets: McpClient[] = [];
const sessionIds: string[] = [];

beforeAll(async () => {
  const modules = [ProbeToolsModule, ConformanceFixtureModule];
  service = await RunningService.start({ STORE: 'memory' }, modules, log);
});
afterAll(() => service.stop());

/** A connection with a session. */
async function connect(): Promise<McpClient> {
  const client = await McpClient.connect(`${service.ws}/mcp`);
  sockets.push(client);
  noteSession(await client.initialize());
  return client;
}

function noteSession({ _meta }: Json): void {
  sessionIds.push(String((_meta as Json)['opstream/sessionId']));
}

async function openSession(): Promise<McpHttpClient> {
  const client = new McpHttpClient(`${service.http}/mcp`);
  noteSession((await client.initialize()).answer.result);
  return client;
}

/** Whatever a test did: nothing of it is left, and nothing was the service's own failure. */
afterEach(async () => {
  for (const client of sockets.splice(0)) client.terminate();
  await eventually('no call runs', () => service.get(ToolRunner).size === 0);
  const sessions = service.get(McpSessions);
  await eventually('nobody is connected', () => [...sessions.all()].every(({ connected }) => !connected));
  for (const id of sessionIds.splice(0)) {
    const session = sessions.find(id, ANONYMOUS);
    if (!session) continue;
    expect(session.idle).toBe(true);
    sessions.end(session, 'test');
  }
  expect(sessions.size).toBe(0);
  expect(service.get(ResourceSubscriptions).size).toBe(0);
  const { body } = await service.rest.get<{ operations: Json[] }>('/api/operations?status=running');
  expect(body.operations).toEqual([]);
  expect(log.lines.splice(0).filter(({ level }) => level === 'error')).toEqual([]);
});

/** @param due what JSON-RPC says; a request may succeed or fail, in a documented code */
function check({ id, result, error }: RpcAnswer, due: Due): void {
  if (due.kind === 'refusal') {
    expect({ id, code: error?.code }).toEqual({ id: due.id, code: due.code });
  } else if (error) {
    expect(CODES).toContain(error.code);
    expect(error.message).not.toBe('');
    // Nothing that a client sends may break the service.
    expect(error.code).not.toBe(RPC.internalError);
  } else expect(result).toBeTypeOf('object');
}

describe('Whatever is sent', () => {
  it('S3-15 S3-16: over WebSocket, in both eras on one connection', async () => {
    let client = await connect();
    let count = 0;
    await fc.assert(
      fc.asyncProperty(message, fc.boolean(), async (value, isModern) => {
        const sent = isModern || existsOnlyThere(value) ? inModernEra(value) : value;
        const due = dueFor(JSON.parse(JSON.stringify(sent)));
        const before = client.frames.length;
        client.send(JSON.stringify(sent));
        if (due.kind !== 'nothing') {
          const answer = await client.answerTo(due.id);
          check(answer, due);
          if (answer.result?._meta !== undefined && isObject(answer.result.serverInfo))
            noteSession(answer.result);
        }
        const last = `last-${++count}`;
        client.send({ jsonrpc: '2.0', id: last, method: 'ping' });
        await client.answerTo(last);
        const answers = client.frames.slice(before).filter((frame) => !('method' in JSON.parse(frame)));
        expect(answers).toHaveLength(due.kind === 'nothing' ? 1 : 2);
        if (count % 50 === 0) client = await connect();
      }),
      { numRuns: 400 },
    );
  });

  it('S3-15: over HTTP, with sessions and without', async () => {
    const [session, stateless] = [await openSession(), new McpHttpClient(`${service.http}/mcp`)];
    await fc.assert(
      fc.asyncProperty(message, fc.boolean(), async (value, wantsModern) => {
        const isModern = wantsModern || existsOnlyThere(value);
        const sent = isModern ? inModernEra(value) : value;
        const due = dueFor(JSON.parse(JSON.stringify(sent)));
        const { status, answer } = isModern
          ? await stateless.post(JSON.stringify(sent), headersFor(sent))
          : await session.post(JSON.stringify(sent));
        if (due.kind === 'nothing') {
          expect([status, answer]).toEqual([202, undefined]);
          return;
        }
        check(answer, due);
        expect(status).toBe(statusFor(answer, due, isModern));
        if (answer.result?._meta !== undefined && isObject(answer.result.serverInfo))
          noteSession(answer.result);
      }),
      { numRuns: 400 },
    );
  });

  it('no text that is not JSON gets further than its error', async () => {
    const [client, session] = [await connect(), await openSession()];
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }).filter(isNoJson), async (text) => {
        client.send(text);
        expect((await client.answerTo(null)).error?.code).toBe(RPC.parseError);
        const { status, answer } = await session.post(text);
        expect([status, answer.id, answer.error?.code]).toEqual([400, null, RPC.parseError]);
      }),
      { numRuns: 100 },
    );
  });
});

function isNoJson(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch {
    return true;
  }
}

function statusFor({ error }: RpcAnswer, due: Due, isModern: boolean): number {
  if (due.kind === 'refusal') return 400;
  if (!isModern || error === undefined) return 200;
  if (error.code === RPC.methodNotFound) return 404;
  return [RPC.headerMismatch, RPC.missingCapability, RPC.unsupportedVersion].includes(error.code as never)
    ? 400
    : 200;
}

describe('Requests', () => {
  it('that are refused at once leave their id free', async () => {
    const [client, session] = [await connect(), await openSession()];
    for (const method of ['logging/setLevel', 'resources/subscribe', 'tools/list', 'no/such']) {
      const refused = { jsonrpc: '2.0', id: 'again', method, params: { cursor: 'no', level: 'no' } };
      const first = await session.post(refused);
      client.send(refused);
      const second = await client.answerTo('again');
      client.send(refused);
      expect(await client.answerTo('again')).toEqual(second);
      expect((await session.post(refused)).answer).toEqual(first.answer);
    }
  });

  it('whose id is in use are refused over HTTP, and the first one is answered', async () => {
    const session = await openSession();
    const call = { jsonrpc: '2.0', id: 'twice', method: 'tools/call', params: { name: 'gate' } };
    const first = await session.fetch(call);
    const events = readEvents(first);
    await events.next();
    expect((await session.post(call)).answer.error).toMatchObject({ code: RPC.invalidRequest });
    await eventually('the gate can be opened', () => service.get(ProbeTools).waiting);
    service.get(ProbeTools).open();
    let last = '';
    for await (const { data } of events) last = data;
    expect(JSON.parse(last)).toMatchObject({ id: 'twice', result: { content: [{ text: 'passed' }] } });
  });

  it('more than 1024 unanswered ones are refused until others are answered', async () => {
    const client = await connect();
    for (let n = 0; n <= 1024; n++) {
      client.send({ jsonrpc: '2.0', id: `gate-${n}`, method: 'tools/call', params: { name: 'gate' } });
    }
    expect((await client.answerTo('gate-1024')).error).toMatchObject({
      code: RPC.serverError,
      data: { code: 'too_many_requests' },
    });
    for (let n = 0; n < 1024; n++) {
      client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: `gate-${n}` } });
    }
    await eventually('they have ended', () => service.get(ToolRunner).size === 0);
    expect((await client.call('echo', { text: 'x' })).content[0]!.text).toBe('x');
  });

  it('of the sessions era without a session can be cancelled, and end with their connection', async () => {
    const client = await McpClient.connect(`${service.ws}/ws`);
    sockets.push(client);
    const call = (id: string) =>
      client.send({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'gate' } });
    const { size } = service.get(ToolRunner);
    call('one');
    call('two');
    await eventually('both run', () => service.get(ToolRunner).size === size + 2);
    call('two');
    expect((await client.answerTo('two')).error).toMatchObject({ code: RPC.invalidRequest });
    client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'one' } });
    await eventually('one has ended', () => service.get(ToolRunner).size === size + 1);
    client.terminate();
    await eventually('both have ended', () => service.get(ToolRunner).size === size);
  });

  it.each([
    ['answers that are none', { inputResponses: [] }],
    ['a state of nobody', { requestState: 'x.y' }],
    ['a state that is no text', { requestState: 5 }],
  ])('with %s are refused before there is a call', async (_what, more) => {
    const client = new McpHttpClient(`${service.http}/mcp`);
    const { answer } = await client.modern('tools/call', { name: 'echo', arguments: { text: 'x' }, ...more });
    expect(answer.error?.code).toBe(RPC.invalidParams);
    expect(service.get(ToolRunner).size).toBe(0);
  });

  it('cancellations of nothing and answers to nothing are taken without a word', async () => {
    const session = await openSession();
    const stateless = new McpHttpClient(`${service.http}/mcp`);
    const headers = { 'mcp-protocol-version': '2026-07-28' };
    for (const one of [
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'unknown' } },
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: {} } },
      { jsonrpc: '2.0', method: 'notifications/cancelled' },
      { jsonrpc: '2.0', id: 1, result: {} },
      { jsonrpc: '2.0', id: 1, result: null },
      { jsonrpc: '2.0', id: 1, result: [] },
      { jsonrpc: '2.0', id: 1, error: 'no' },
      { jsonrpc: '2.0', id: null, error: { code: -32700, message: 'what?' } },
      { jsonrpc: '2.0', error: { code: -32700, message: 'what?' } },
      { jsonrpc: '2.0', id: 5, error: { code: 1, message: 'no' } },
    ]) {
      for (const answer of [await session.post(one), await stateless.post(one, headers)]) {
        expect([answer.status, answer.text]).toEqual([202, '']);
      }
    }
  });

  it('as deep and as large as allowed are served, one level and one byte more are not', async () => {
    const [client, session] = [await connect(), await openSession()];
    // Two levels are the message and its params; 64 levels of arguments fit with what is around them.
    const nested = (levels: number) =>
      `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${'['.repeat(levels)}${']'.repeat(levels)}}}`;
    const sized = (bytes: number) => {
      const [before, after] = ['{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"', '"}}'];
      return before + 'x'.repeat(bytes - before.length - after.length) + after;
    };
    for (const good of [nested(70), sized(4 * 1024 * 1024)]) {
      client.send(good);
      expect((await client.answerTo(1)).result).toEqual({});
      expect((await session.post(good)).answer.result).toEqual({});
    }
    for (const levels of [71, 1000, 100_000]) {
      client.send(nested(levels).replace('"id":1', `"id":${levels}`));
      // Its id can be read, so whoever waits for the answer gets it.
      expect((await client.answerTo(levels)).error?.code).toBe(RPC.invalidRequest);
      expect((await session.post(nested(levels))).status).toBe(400);
    }
    expect((await session.post(sized(4 * 1024 * 1024 + 1))).status).toBe(413);
    client.send(sized(4 * 1024 * 1024 + 1));
    expect(await client.closed).toMatchObject({ code: 1009 });
  });
});

describe('A stream that was resumed', () => {
  it('goes on when the connection it replaces ends afterwards', async () => {
    const session = await openSession();
    const abort = new AbortController();
    const body = session.message('tools/call', {
      name: 'flood',
      arguments: { count: 800, size: 20_000 },
      _meta: { progressToken: 0 },
    });
    const stale = await session.fetch(body, {}, abort.signal);
    const { value: first } = await readEvents(stale).next();
    const resumed = await session.get({ 'last-event-id': first!.id! });
    const reading = resumed.text();
    // What the stale connection did not read is still on its way when it is cut.
    abort.abort();
    expect(await reading).toContain('flooded');
  });

  it('whose request is cancelled ends, and is not waited for again', async () => {
    const session = await openSession();
    const body = session.message('tools/call', { name: 'gate' });
    const response = await session.fetch(body);
    const { value: first } = await readEvents(response).next();
    await session.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: body.id } });
    const again = await session.get({ 'last-event-id': first!.id! });
    expect(await again.text()).not.toContain('"result"');
  });
});
