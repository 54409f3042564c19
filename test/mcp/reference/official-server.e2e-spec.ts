import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { McpClient, modern, type Json, type RpcAnswer } from '../../harness/mcp-client.js';
import { McpHttpClient, modernHeaders } from '../../harness/mcp-http.js';
import { RunningService } from '../../harness/running-service.js';
import { CONVERSATION, type Step } from './conversation.js';
import { differencesAt, type Place } from './differences.js';
import { OfficialServer } from './official-server.js';
import { OurDeclarationsModule } from './our-declarations.js';
import { shapeOf } from './shape.js';

let ours: RunningService;
let reference: OfficialServer;

beforeAll(async () => {
  ours = await RunningService.start({ STORE: 'memory' }, [OurDeclarationsModule]);
  reference = await OfficialServer.start();
});
afterAll(async () => {
  await ours.stop();
  await reference.stop();
});

/** What a step came to: the shape of the answer, and over HTTP the status. */
type Outcome = Json;
type Conversation = AsyncGenerator<[name: string, outcome: Outcome]>;

function outcomeOf(answer: RpcAnswer | undefined): Outcome {
  if (!answer) return { answer: 'none' };
  const { id, error, result } = answer;
  return { id, ...(error ? { code: error.code } : { result: shapeOf(result) }) };
}

function stepsOf(era: Step['era']): Step[] {
  return CONVERSATION.filter((step) => step.era === undefined || step.era === era);
}

/** A request has its step's name for an id. */
function textOf({ send, name }: Step): string {
  return typeof send === 'string' ? send : JSON.stringify({ jsonrpc: '2.0', id: name, ...send });
}

async function* overHttp(url: string): Conversation {
  const client = new McpHttpClient(url);
  const { status, answer } = await client.initialize();
  yield ['initialize', { status, ...outcomeOf(answer) }];
  await client.post({ jsonrpc: '2.0', method: 'notifications/initialized' });
  const version = { 'mcp-protocol-version': '2025-11-25' };
  for (const step of stepsOf('sessions')) {
    const answered = await client.post(textOf(step), version);
    yield [step.name, { status: answered.status, ...outcomeOf(answered.answer) }];
  }
}

async function* overHttpInModernEra(url: string): Conversation {
  const client = new McpHttpClient(url);
  for (const { name, send } of stepsOf('modern')) {
    const { method, params = {} } = send as { method: string; params?: Json };
    const body = { jsonrpc: '2.0', id: name, method, params: modern(params) };
    const { status, answer } = await client.post(body, modernHeaders(method, params));
    yield [name, { status, ...outcomeOf(answer) }];
  }
}

async function* overWebSocket(url: string): Conversation {
  const client = await McpClient.connect(url.replace('http', 'ws'));
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  };
  yield ['initialize', outcomeOf(await client.request('initialize', params))];
  for (const step of stepsOf('sessions')) {
    const before = client.frames.length;
    client.send(textOf(step));
    const { send, name } = step;
    if (typeof send === 'object' && typeof send.method === 'string' && !('id' in send)) {
      yield [name, outcomeOf(await client.answerTo(name))];
      continue;
    }
    // Whether there is an answer is known once that of a later request has come.
    await client.request('ping');
    const answered = client.frames.length > before + 1;
    yield [name, outcomeOf(answered ? (JSON.parse(client.frames[before]!) as RpcAnswer) : undefined)];
  }
  client.send({ jsonrpc: '2.0', id: 'cancelled', method: 'tools/call', params: { name: 'wait' } });
  client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'cancelled' } });
  const before = client.frames.length;
  await client.request('ping');
  yield ['cancel', { answers: client.frames.length - before - 1 }];
  client.terminate();
}

async function heldWith(conversation: Conversation): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  for await (const [name, outcome] of conversation) outcomes.set(name, outcome);
  return outcomes;
}

describe('The same conversation with the official server', () => {
  it.each([
    ['over HTTP in a session', 'http', overHttp],
    ['over HTTP in 2026-07-28', 'http-modern', overHttpInModernEra],
    ['over WebSocket', 'websocket', overWebSocket],
  ] as const)('S3-13 S3-14 S3-15 S3-16: goes the same way %s', async (_where, place: Place, hold) => {
    const [mine, theirs] = [
      await heldWith(hold(`${ours.http}/mcp`)),
      await heldWith(hold(`${reference.http}/mcp`)),
    ];
    const intended = differencesAt(place);
    for (const [name, outcome] of mine) {
      const difference = intended.get(name);
      if (!difference) expect({ [name]: outcome }).toEqual({ [name]: theirs.get(name) });
      else {
        expect({ [name]: outcome }).toMatchObject({ [name]: difference });
        // A difference that has gone is no longer to be listed.
        expect([name, isDeepStrictEqual(outcome, theirs.get(name))]).toEqual([name, false]);
      }
    }
    expect([...intended.keys()].filter((name) => !mine.has(name))).toEqual([]);
  });

  const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };

  it.each([
    ['without its session', { 'mcp-session-id': '' }, 400],
    ['whose type is not JSON', { 'content-type': 'text/plain' }, 415],
    ['that accepts nothing of ours', { accept: 'text/html' }, 406],
    ['of a version that is none', { 'mcp-protocol-version': '1999-01-01' }, 400],
  ])('S3-15: refuses a message %s with the same status', async (_what, headers, status) => {
    const statuses = [];
    for (const { http } of [ours, reference]) {
      const client = new McpHttpClient(`${http}/mcp`);
      await client.initialize();
      statuses.push((await client.post(list, headers)).status);
    }
    expect(statuses).toEqual([status, status]);
  });

  it('S3-12: a session that the client ended is unknown', async () => {
    for (const { http } of [ours, reference]) {
      const client = new McpHttpClient(`${http}/mcp`);
      await client.initialize();
      const headers = { 'mcp-session-id': client.sessionId! };
      expect((await fetch(`${http}/mcp`, { method: 'DELETE', headers })).ok).toBe(true);
      expect((await client.post(list)).status).toBe(404);
    }
  });
});
