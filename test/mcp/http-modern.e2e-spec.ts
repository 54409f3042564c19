import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { modern } from '../harness/mcp-client.js';
import { McpHttpClient, modernHeaders, readEvents } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';
import { ConformanceFixtureModule } from './conformance/conformance-fixture.module.js';
import { ProbeTools, ProbeToolsModule } from './probe-tools.js';

let service: RunningService;
let client: McpHttpClient;

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory' }, [ProbeToolsModule, ConformanceFixtureModule]);
});
beforeEach(() => {
  client = new McpHttpClient(`${service.http}/mcp`);
});
afterAll(() => service.stop());

const accept = (content: object) => ({ action: 'accept', content });
const echo = { name: 'echo', arguments: { text: 'x' } };

describe('MCP over HTTP, 2026-07-28', () => {
  it('answers without a session: plain JSON when nothing precedes the answer', async () => {
    const { status, type, headers, answer } = await client.modern('tools/call', echo);
    expect(status).toBe(200);
    expect(type).toBe('application/json');
    expect(headers.get('mcp-session-id')).toBeNull();
    expect(answer.result).toEqual({
      resultType: 'complete',
      content: [{ type: 'text', text: 'x' }],
      _meta: {
        'io.modelcontextprotocol/serverInfo': {
          name: 'opstream',
          title: 'Opstream',
          version: expect.any(String),
        },
      },
    });
  });

  it('discovers versions and capabilities', async () => {
    expect((await client.modern('server/discover')).answer.result).toMatchObject({
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: { listChanged: true }, extensions: { 'io.modelcontextprotocol/tasks': {} } },
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'opstream' } },
    });
  });

  it('says how long lists and contents may be kept, lists tools in order', async () => {
    const { result } = (await client.modern('tools/list')).answer;
    expect(result).toMatchObject({ ttlMs: expect.any(Number), cacheScope: 'public' });
    const names = result.tools.map(({ name }) => name);
    expect(names).toEqual([...names].sort());
    const read = await client.modern('resources/read', { uri: 'test://static-text' });
    expect(read.answer.result).toMatchObject({ ttlMs: 0, cacheScope: 'private' });
  });

  it.each([
    ['no version header', { 'mcp-protocol-version': '' }, 400, -32020],
    ['another version header', { 'mcp-protocol-version': '2025-11-25' }, 400, -32020],
    ['no method header', { 'mcp-method': '' }, 400, -32020],
    ['another method', { 'mcp-method': 'tools/list' }, 400, -32020],
    ['no name header', { 'mcp-name': '' }, 400, -32020],
    ['another name', { 'mcp-name': 'sum' }, 400, -32020],
    ['a broken encoding of the name', { 'mcp-name': '=?base64?!!?=' }, 400, -32020],
    ['the name in base64', { 'mcp-name': '=?base64?ZWNobw==?=' }, 200, undefined],
    ['the name in spaces', { 'mcp-name': ' echo ' }, 200, undefined],
  ])('checks headers against the body: %s', async (_what, changed, status, code) => {
    const headers = { ...modernHeaders('tools/call', echo), ...changed };
    const answer = await client.post(client.message('tools/call', modern(echo)), headers);
    expect(answer.status).toBe(status);
    expect(answer.answer.error?.code).toBe(code);
  });

  it('checks headers of parameters', async () => {
    const params = { name: 'test_header_parameters', arguments: { region: 'eu', priority: 1 } };
    const post = (headers: Record<string, string>) =>
      client.post(client.message('tools/call', modern(params)), {
        ...modernHeaders('tools/call', params),
        ...headers,
      });
    const good = { 'mcp-param-region': 'eu', 'mcp-param-priority': '1' };
    expect((await post(good)).answer.result.content[0]!.text).toBe('Region eu');
    expect((await post({ ...good, 'mcp-param-region': 'us' })).answer.error?.code).toBe(-32020);
    expect((await post({ 'mcp-param-region': 'eu' })).answer.error?.code).toBe(-32020);
  });

  it.each([
    ['an unknown version', '1900-01-01', {}, -32022],
    ['no capabilities', '2026-07-28', { 'io.modelcontextprotocol/clientCapabilities': undefined }, -32602],
    [
      'capabilities that are a text',
      '2026-07-28',
      { 'io.modelcontextprotocol/clientCapabilities': 'x' },
      -32602,
    ],
    ['no version', '2026-07-28', { 'io.modelcontextprotocol/protocolVersion': undefined }, -32602],
  ])('refuses an envelope with %s', async (_what, version, meta, code) => {
    const named = { 'io.modelcontextprotocol/protocolVersion': version, ...meta };
    const answer = await client.post(client.message('tools/list', modern({}, {}, named)), {
      ...modernHeaders('tools/list', {}),
      'mcp-protocol-version': version,
    });
    expect(answer.status).toBe(400);
    expect(answer.answer.error?.code).toBe(code);
  });

  it('knows no methods of the sessions, and no other HTTP methods', async () => {
    for (const method of ['initialize', 'ping', 'logging/setLevel', 'tasks/list', 'no/such']) {
      const { status, answer } = await client.modern(method);
      expect([status, answer.error?.code]).toEqual([404, -32601]);
    }
    const header = { 'mcp-protocol-version': '2026-07-28' };
    expect((await client.get(header)).status).toBe(405);
    expect((await fetch(client.url, { method: 'DELETE', headers: header })).status).toBe(405);
    expect((await fetch(client.url, { method: 'PUT' })).status).toBe(405);
  });

  it('streams while the tool runs, and cancels when the stream is closed', async () => {
    const params = { name: 'gate', arguments: {} };
    const abort = new AbortController();
    const body = client.message('tools/call', modern(params, {}, { progressToken: 'p' }));
    const response = await client.fetch(body, modernHeaders('tools/call', params), abort.signal);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    const events = readEvents(response);
    const { value } = await events.next();
    expect(JSON.parse(value!.data)).toMatchObject({
      method: 'notifications/progress',
      params: { progress: 1 },
    });
    expect(value!.id).toBeUndefined();
    const probes = service.get(ProbeTools);
    probes.aborted = undefined;
    abort.abort();
    await eventually('the tool sees it', () => probes.aborted instanceof DOMException);
  });

  it('asks for input by input_required, and goes on with the answers', async () => {
    const call = { name: 'test_input_required_result_multi_round', arguments: {} };
    const first = (await client.modern('tools/call', call, { elicitation: {} })).answer.result;
    expect(first).toMatchObject({ resultType: 'input_required', inputRequests: { step1: {} } });
    const second = (
      await client.modern(
        'tools/call',
        { ...call, requestState: first.requestState, inputResponses: { step1: accept({ name: 'Ada' }) } },
        { elicitation: {} },
      )
    ).answer.result;
    expect(second).toMatchObject({ inputRequests: { step2: {} } });
    const last = {
      ...call,
      requestState: second.requestState,
      inputResponses: { step2: accept({ color: 'blue' }) },
    };
    const third = (await client.modern('tools/call', last, { elicitation: {} })).answer.result;
    expect(third.content[0]!.text).toBe('Ada likes blue');
    const stolen = { ...last, name: 'test_input_required_result_request_state' };
    expect((await client.modern('tools/call', stolen, { elicitation: {} })).answer.error?.code).toBe(-32602);
    expect((await client.modern('tools/call', call)).answer.error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: { elicitation: {} } },
    });
  });
});

describe('MCP over HTTP, whatever the era', () => {
  it.each([
    ['no JSON', '{', 400, -32700],
    ['a batch', '[]', 400, -32600],
    ['no method', '{"jsonrpc":"2.0","id":1}', 400, -32600],
    ['deep nesting', '['.repeat(100_000), 400, -32700],
  ])('refuses %s', async (_what, body, status, code) => {
    const { status: given, answer } = await client.post(body);
    expect([given, answer.error?.code]).toEqual([status, code]);
  });

  it('refuses other media types, other Accepts and bodies that are too large, and goes on', async () => {
    const ping = client.message('ping', {});
    expect((await client.post(ping, { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await client.post(ping, { accept: 'text/html' })).status).toBe(406);
    const large = await client.post({ ...ping, params: { a: 'x'.repeat(5_000_000) } }).catch(() => undefined);
    // The server may close before the client has sent it all.
    if (large) expect(large.status).toBe(413);
    expect((await client.modern('tools/list')).status).toBe(200);
  });

  it('refuses foreign origins and hosts', async () => {
    expect(
      (await client.post(client.message('ping', {}), { origin: 'http://evil.example.com' })).status,
    ).toBe(403);
    const status = await new Promise((resolve, reject) => {
      httpRequest(client.url, { method: 'POST', headers: { host: 'evil.example.com' } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(403);
  });
});
