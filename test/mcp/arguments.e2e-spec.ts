import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ToolRegistry } from '../../src/mcp/tools/tool-registry.js';
import type { Json } from '../harness/mcp-client.js';
import { McpHttpClient } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';
import { ProbeToolsModule } from './probe-tools.js';

let service: RunningService;
let client: McpHttpClient;

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory', DEMO: 'true' }, [ProbeToolsModule]);
  client = new McpHttpClient(`${service.http}/mcp`);
  await client.initialize();
  await service.rest.post('/api/operations', { operation_type: 'x', operation_id: 'o' });
});
afterAll(() => service.stop());

/** Values for the arguments that the tools must have. */
const REQUIRED: Json = {
  operation_id: 'o',
  id: 'o',
  item_id: 1,
  operation_type: 'y',
  text: 't',
  prompt: 'p',
  a: 1,
  b: 2,
  kind: 'x',
  count: 1,
  datasetSize: 0,
};
/** They wait, or fail in any case. */
const LEFT_OUT = new Set(['gate', 'hang', 'watch_operation', 'careless', 'generateText']);

async function newOperation(): Promise<Json> {
  const { body } = await service.rest.post<{ operation_id: string }>('/api/operations', {
    operation_type: 'x',
  });
  return { operation_id: body.operation_id };
}

interface Listed {
  readonly name: string;
  readonly inputSchema: { readonly properties?: Json; readonly required?: readonly string[] };
}

describe('Null for an optional argument', () => {
  it('is what leaving it out is, for every tool', async () => {
    const { tools } = (await client.request('tools/list')).answer.result as unknown as { tools: Listed[] };
    expect(tools.length).toBeGreaterThan(10);
    let compared = 0;
    for (const { name, inputSchema } of tools) {
      if (LEFT_OUT.has(name)) continue;
      const { properties = {}, required = [] } = inputSchema;
      const least = Object.fromEntries(required.map((argument) => [argument, REQUIRED[argument]]));
      const absent = (await client.call(name, least)).answer.result;
      for (const argument of Object.keys(properties).filter((one) => !required.includes(one))) {
        compared += 1;
        // What was cancelled cannot be cancelled again.
        const again = name === 'cancel_operation' ? await newOperation() : {};
        const given = (await client.call(name, { ...least, ...again, [argument]: null })).answer.result;
        expect([name, argument, given.isError]).toEqual([name, argument, absent.isError]);
      }
    }
    expect(compared).toBeGreaterThan(8);
  });

  it.each<[method: string, params: Json]>([
    ['ping', { anything: null }],
    ['tools/list', { cursor: null, _meta: null }],
    ['tools/call', { name: 'list_operations', arguments: null, task: null }],
    ['tools/call', { name: 'list_operations', _meta: { progressToken: null } }],
    ['resources/list', { cursor: null }],
    ['prompts/list', { cursor: null }],
    ['tasks/list', { cursor: null }],
    ['logging/setLevel', { level: 'info', _meta: null }],
  ])('%s takes %j', async (method, params) => {
    expect((await client.request(method, params)).answer.error).toBeUndefined();
  });

  it('params that are null are left out', async () => {
    const { answer } = await client.post({ jsonrpc: '2.0', id: 'n', method: 'ping', params: null });
    expect(answer).toMatchObject({ id: 'n', result: {} });
  });
});

describe('An argument that a tool does not have', () => {
  it('is named in the answer of every tool', async () => {
    for (const { name, schema } of service.get(ToolRegistry).list()) {
      if (LEFT_OUT.has(name)) continue;
      const required = (schema.required ?? []) as readonly string[];
      const least = Object.fromEntries(required.map((argument) => [argument, REQUIRED[argument]]));
      const { answer } = await client.call(name, { ...least, mispelt_argument: 1 });
      expect([name, JSON.stringify(answer)]).toEqual([name, expect.stringContaining('mispelt_argument')]);
    }
  });

  it('is refused by the built-in tools, and noted beside the result of others', async () => {
    const refused = (await client.call('list_operations', { status_filter: 'failed' })).answer.result;
    expect(refused).toMatchObject({
      isError: true,
      content: [
        { text: expect.stringContaining('unknown arguments: status_filter (the tool has status, type') },
      ],
    });
    const noted = (await client.call('echo', { text: 'x', txet: 'y' })).answer.result;
    expect(noted.isError).toBeUndefined();
    expect(noted.content.map(({ text }) => text)).toEqual([
      'x',
      'Note: unknown arguments: txet (the tool has text)',
    ]);
  });
});

it('halves of surrogate pairs leave as U+FFFD, in results and in errors', async () => {
  const half = 'cut \ud83d here';
  expect((await client.call('echo', { text: half })).text).toContain('cut \ufffd here');
  expect((await client.call(half)).text).not.toMatch(/\\ud83d/);
});
