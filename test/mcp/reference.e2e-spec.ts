import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { McpClient, modern, type Json, type RpcAnswer } from '../harness/mcp-client.js';
import { ReferenceServer } from '../harness/reference-server.js';
import { RunningService } from '../harness/running-service.js';
import { ConformanceFixtureModule } from './conformance/conformance-fixture.module.js';
import { ProbeToolsModule } from './probe-tools.js';

type Era = 'legacy' | 'modern';

interface Step {
  readonly method: string;
  readonly params: Json;
  /** Why we answer otherwise than the official server, in the eras where we do. */
  readonly differs?: Partial<Record<Era, string>>;
}

const call = (name: unknown, args?: unknown): Pick<Step, 'method' | 'params'> => ({
  method: 'tools/call',
  params: { name, ...(args !== undefined && { arguments: args }) },
});
const read = (uri?: string) => ({ method: 'resources/read', params: { uri } });
const prompt = (name: string, args?: Json) => ({ method: 'prompts/get', params: { name, arguments: args } });
const complete = (name: string, value: string) => ({
  method: 'completion/complete',
  params: { ref: { type: 'ref/prompt', name }, argument: { name: 'arg1', value } },
});
const wrongParameter = 'a parameter of the wrong shape is the caller’s fault (-32602), not an internal error';

/** One conversation, held with the official server and with us. */
const CONVERSATION: Step[] = [
  { method: 'tools/list', params: {} },
  call('test_simple_text', {}),
  call('test_simple_text'),
  call('test_error_handling', {}),
  call('sum', { a: 1, b: 2 }),
  call('sum', { a: 'x' }),
  call('sum', [1]),
  call('nope', {}),
  call(undefined, {}),
  { method: 'resources/list', params: {} },
  { method: 'resources/templates/list', params: {} },
  read('test://static-text'),
  read('test://template/42/data'),
  {
    ...read('test://nothing'),
    differs: { legacy: '-32002 is the code of the revisions with sessions; -32602 came with 2026-07-28' },
  },
  { ...read(), differs: { legacy: wrongParameter, modern: wrongParameter } },
  { method: 'prompts/list', params: {} },
  prompt('test_simple_prompt'),
  prompt('test_prompt_with_arguments', { arg1: 'a', arg2: 'b' }),
  prompt('test_prompt_with_arguments', { arg1: 'a' }),
  prompt('nope'),
  complete('test_prompt_with_arguments', 'par'),
  complete('test_simple_prompt', 'par'),
  complete('nope', 'par'),
  { method: 'ping', params: {} },
  { method: 'logging/setLevel', params: { level: 'debug' } },
  { method: 'logging/setLevel', params: { level: 'loud' }, differs: { legacy: wrongParameter } },
  { method: 'no/such', params: {} },
  {
    method: 'server/discover',
    params: {},
    differs: { legacy: 'our connections serve both eras: what is missing is the envelope, not the method' },
  },
  {
    method: 'resources/subscribe',
    params: { uri: 'test://static-text' },
    differs: { legacy: 'we do serve subscriptions' },
  },
  {
    method: 'tools/list',
    params: { cursor: 'bogus' },
    differs: {
      legacy: 'a cursor that was not given out is invalid',
      modern: 'a cursor that was not given out is invalid',
    },
  },
];

let service: RunningService;
let reference: ReferenceServer;

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory', LOG_LEVEL: 'silent' }, [
    ConformanceFixtureModule,
    ProbeToolsModule,
  ]);
  reference = await ReferenceServer.start();
});
afterAll(() => Promise.all([service.stop(), reference.stop()]));

/** What both offer; each has more of its own, or says more about it. */
const SHARED = new Set(['test_simple_text', 'test_error_handling', 'sum', 'Static text', 'Template']);
const LISTS = ['tools', 'resources', 'resourceTemplates', 'prompts'];

function listed(entries: Json[]): Json[] {
  return entries
    .filter(({ name }) => SHARED.has(String(name)) || /^test_(simple|prompt_with_arg)/.test(String(name)))
    .map(({ name, uri, uriTemplate, mimeType, arguments: args }) => ({
      name,
      uri,
      uriTemplate,
      mimeType,
      args,
    }))
    .toSorted((a, b) => String(a.name).localeCompare(String(b.name)));
}

/** What has to be the same: codes instead of messages, and of hints to caches and of signatures that they are there. */
function comparable({ result, error }: RpcAnswer): unknown {
  if (error) return { code: error.code };
  const { _meta, ttlMs, cacheScope, description: _description, ...rest } = result as Json;
  const compared: Record<string, unknown> = { ...rest, _meta: Object.keys(_meta ?? {}) };
  if (ttlMs !== undefined) compared.cache = [typeof ttlMs, typeof cacheScope];
  for (const list of LISTS) if (list in rest) compared[list] = listed(rest[list] as Json[]);
  if (rest.isError === true) compared.content = (rest.content as Json[]).map(({ type }) => type);
  if ('completion' in rest) compared.completion = (rest.completion as Json).values;
  if ('capabilities' in rest) compared.capabilities = expect.any(Object);
  delete compared.instructions;
  return compared;
}

describe.each<Era>(['legacy', 'modern'])('S3-13 S3-14 S3-15: a conversation of the %s era', (era) => {
  let ours: McpClient;
  let theirs: McpClient;

  beforeAll(async () => {
    ours = await McpClient.connect(`${service.ws}/mcp`);
    theirs = await McpClient.connect(reference.url);
    if (era === 'modern') return;
    const answers = await Promise.all([ours.initialize(), theirs.initialize()]);
    for (const { protocolVersion, capabilities, serverInfo } of answers) {
      expect(protocolVersion).toBe('2025-11-25');
      expect(capabilities).toMatchObject({ tools: { listChanged: true }, completions: {}, logging: {} });
      expect(serverInfo).toMatchObject({ name: expect.any(String), version: expect.any(String) });
    }
  });
  afterAll(() => {
    ours.terminate();
    theirs.terminate();
  });

  const name = ({ method, params }: Step): string => `${method} ${JSON.stringify(params)}`;
  it.each(CONVERSATION.map((step) => [name(step), step] as const))('%s', async (_name, step) => {
    const params = era === 'modern' ? modern(step.params) : step.params;
    const [mine, official] = await Promise.all([
      ours.request(step.method, params),
      theirs.request(step.method, params),
    ]);
    const reason = step.differs?.[era];
    if (reason === undefined) expect(comparable(mine)).toEqual(comparable(official));
    else expect(comparable(mine), reason).not.toEqual(comparable(official));
  });
});
