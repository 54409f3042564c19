import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../harness/service-process.js';
import { eventually } from '../harness/eventually.js';
import { McpClient, type Json } from '../harness/mcp-client.js';
import { LogLines } from '../harness/log-lines.js';
import { RunningService } from '../harness/running-service.js';

const SHOP = join(ROOT, 'test/fixtures/openapi/shop.yaml');

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Counts who comes where a redirect leads. */
const foreign = createServer((_request, response) => {
  strangers += 1;
  response.end();
});
let strangers = 0;

const ODD_ANSWERS: Record<string, [status: number, headers: Record<string, string>, content?: Buffer]> = {
  '/picture': [200, { 'content-type': 'image/png' }, Buffer.from([1, 2, 3])],
  '/moved': [307, { location: '/orders/8' }],
  '/circle': [302, { location: '/circle' }],
  '/empty': [204, {}],
  '/latin': [200, { 'content-type': 'text/plain; charset=iso-8859-1' }, Buffer.from([0xfc])],
  '/file': [200, { 'content-type': 'application/pdf' }, Buffer.from([0x25, 0xff, 0xfe])],
  '/huge': [200, { 'content-type': 'text/plain' }, Buffer.alloc(9 * 1024 * 1024, 'x')],
};

/** The API that the fixture describes; it answers with what it was asked. */
class Shop {
  readonly seen: Seen[] = [];
  readonly server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { method, url, headers } = request;
      this.seen.push({ method, url, headers, body });
      const odd = ODD_ANSWERS[url ?? ''];
      if (url === '/slow') return;
      if (odd) {
        const [oddStatus, headers, content] = odd;
        response.writeHead(oddStatus, headers).end(content);
        return;
      }
      const status = url?.startsWith('/orders/404') ? 404 : 200;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(status === 404 ? { detail: 'no such order' } : { method, url, body }));
    });
  });

  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get last(): Seen {
    return this.seen.at(-1)!;
  }
}

const shop = new Shop();
const log = new LogLines();
let service: RunningService;
let client: McpClient;
let tools: ReadonlyMap<string, Json>;

beforeAll(async () => {
  const base_url = await shop.start();
  foreign.listen(0, '127.0.0.1');
  await once(foreign, 'listening');
  ODD_ANSWERS['/left'] = [
    307,
    { location: `http://127.0.0.1:${(foreign.address() as AddressInfo).port}/orders` },
  ];
  const documents = [
    {
      document: SHOP,
      base_url,
      headers: { 'X-Api-Key': 'k' },
      forward_headers: ['X-Tenant'],
    },
    {
      document: SHOP,
      base_url,
      prefix: 'full_',
      include_operations: ['get_order'],
      describe_all_responses: true,
    },
    {
      document: SHOP,
      base_url,
      prefix: 'some_',
      timeout_ms: 300,
      include_operations: ['slow'],
      include_tags: ['read'],
    },
    { document: SHOP, base_url, prefix: 'most_', exclude_tags: ['misc'], exclude_operations: ['get_order'] },
    { document: SHOP, prefix: 'other_', include_operations: ['label', 'get_order', 'no_such_operation'] },
    'http://127.0.0.1:1/openapi.json',
    join(ROOT, 'package.json'),
    join(ROOT, 'no-such-file.json'),
  ];
  service = await RunningService.start(
    {
      STORE: 'memory',
      DEMO: 'true',
      MCP_OPENAPI: JSON.stringify(documents),
    },
    [],
    log,
  );
  client = await McpClient.connect(`${service.ws}/ws`, { headers: { 'X-Tenant': 't1' } });
  await client.initialize();
  await eventually('all documents are offered', async () => {
    tools = new Map((await client.result('tools/list')).tools.map((tool) => [tool.name, tool]));
    return ['get_order', 'full_get_order', 'some_slow', 'most_replace_order'].every((name) =>
      tools.has(name),
    );
  });
});

afterAll(async () => {
  client.terminate();
  shop.server.closeAllConnections();
  shop.server.close();
  foreign.close();
  await service.stop();
});

describe("the application's own endpoints as tools", () => {
  it('S3-22: GET /items/{item_id} is the tool get_item', async () => {
    expect(tools.get('get_item')?.inputSchema).toEqual({
      type: 'object',
      properties: { item_id: { type: 'integer' } },
      required: ['item_id'],
    });
    const result = await client.call('get_item', { item_id: 5 });
    expect(result.structuredContent).toEqual({ item_id: 5, name: 'Item 5' });
    expect(JSON.parse(result.content[0]?.text ?? '')).toEqual({ item_id: 5, name: 'Item 5' });
  });

  it('S3-22: arguments of the wrong type are refused before the endpoint is called', async () => {
    const result = await client.call('get_item', { item_id: 'five' });
    expect(result).toMatchObject({ isError: true });
    expect(result.content[0]?.text).toMatch(/item_id/);
  });

  it('what is marked for MCP is offered beside the hand-written tools, and nothing else', () => {
    expect([...tools.keys()]).toEqual(
      expect.arrayContaining(['create_operation', 'get_operation', 'get_history', 'delete_operation']),
    );
    expect(tools.has('health')).toBe(false);
    expect(tools.get('get_history')?.annotations).toMatchObject({ readOnlyHint: true });
    // The hand-written one: it names its argument in full.
    expect(tools.get('get_operation')?.inputSchema).toMatchObject({ required: ['operation_id'] });
    expect(log.texts.join('\n')).not.toContain('create_operation');
  });

  it('works on the data of the caller, through the same guards and pipes as REST', async () => {
    const opened = await client.call('create_operation', { operation_type: 'from_mcp', metadata: { a: 1 } });
    const id = String(opened.structuredContent.operation.operation_id);
    expect((await service.rest.request('GET', `/api/operations/${id}`)).body).toMatchObject({
      operation_type: 'from_mcp',
    });
    const read = await client.call('get_history', { id });
    expect(read.structuredContent).toMatchObject({
      events: [{ operation_id: id, data: { operation_type: 'from_mcp', metadata: { a: 1 } } }],
    });
    for (const level of ['info', 'error'])
      await service.rest.emit(id, 'log', { level, message: `an ${level}` });
    const search = {
      id,
      event_type: ['log', 'status'],
      level: 'warning',
      q: 'AN',
      before_seq: 9,
      count: true,
    };
    expect((await client.call('get_history', search)).structuredContent).toMatchObject({
      events: [{ seq: 3, data: { message: 'an error' } }],
      total: 1,
    });
  });

  it('an answer of 4xx is a tool error with its status and reason', async () => {
    const result = await client.call('get_history', { id: 'no-such-operation' });
    expect(result.isError).toBe(true);
    expect(result.content[0]?.text).toMatch(
      /Error calling get_history\. Status code: 404\..*operation_not_found/s,
    );
  });

  it('a path argument cannot climb to another endpoint', async () => {
    for (const id of ['..', '.', '']) {
      expect(await client.call('get_history', { id })).toMatchObject({ isError: true });
    }
    const slash = await client.call('get_history', { id: '../stats' });
    expect(slash.isError).toBe(true);
  });
});

function named(prefix: string): string[] {
  return [...tools.keys()].filter((name) => name.startsWith(prefix));
}

describe('documents of other APIs as tools', () => {
  it('path, query and body are one set of arguments, a name in two places is one', async () => {
    const schema = tools.get('replace_order')?.inputSchema;
    expect(schema).toMatchObject({
      properties: {
        order_id: { type: 'integer' },
        customer: { type: 'object', properties: { age: { type: 'integer', exclusiveMinimum: 0 } } },
        note: { type: ['string', 'null'], examples: ['Leave it at the door'] },
      },
      required: ['order_id', 'customer'],
    });
    await client.call('replace_order', { order_id: 7, customer: { name: 'A' }, note: null });
    expect(shop.last).toMatchObject({ method: 'PUT', url: '/orders/7' });
    expect(JSON.parse(shop.last.body)).toEqual({ order_id: 7, customer: { name: 'A' }, note: null });
  });

  it('arrays in the query are repeated, and only listed headers of the caller go on', async () => {
    await client.call('get_order', { order_id: 7, fields: ['a b', 'c'] });
    expect(shop.last.url).toBe('/orders/7?fields=a%20b&fields=c');
    expect(shop.last.headers).toMatchObject({ 'x-api-key': 'k', 'x-tenant': 't1' });
    await client.call('full_get_order', { order_id: 7 });
    expect(shop.last.headers['x-tenant']).toBeUndefined();
  });

  it('a schema that contains itself stays finite', async () => {
    expect(tools.get('plant.tree')?.inputSchema).toMatchObject({
      properties: { body: { $ref: '#/$defs/Node' } },
      $defs: { Node: { properties: { children: { items: { $ref: '#/$defs/Node' } } } } },
    });
    const tree = { label: 'a', children: [{ label: 'b', children: [] }] };
    await client.call('plant.tree', { body: tree });
    expect(JSON.parse(shop.last.body)).toEqual(tree);
  });

  it('describes the answers of success, and of failures on demand', () => {
    expect(tools.get('get_order')?.description).toMatch(
      /Read an order[\s\S]*\*\*200\*\*: The order\nExample: \{"id"/,
    );
    expect(tools.get('get_order')?.description).not.toContain('404');
    expect(tools.get('full_get_order')?.description).toContain('**404**: No such order');
  });

  it('includes and excludes by operation id and by tag', () => {
    expect(named('some_')).toEqual(['some_get_order', 'some_slow']);
    expect(named('most_')).toEqual(['most_plant.tree', 'most_replace_order']);
  });

  it('a failure, a silence and a picture are told as what they are', async () => {
    expect(await client.call('get_order', { order_id: 404 })).toMatchObject({
      isError: true,
      content: [{ text: expect.stringMatching(/Status code: 404\. Response: .*no such order/) as string }],
    });
    expect((await client.call('some_slow')).content[0]?.text).toBe(
      'Error calling some_slow: no answer within 300 ms',
    );
    expect((await client.call('picture')).content[0]).toMatchObject({ type: 'image', data: 'AQID' });
  });

  it('redirects are followed within the API, and nowhere else with its key', async () => {
    expect((await client.call('moved')).structuredContent).toMatchObject({ url: '/orders/8' });
    expect((await client.call('left')).content[0]?.text).toMatch(
      /redirects to http:\/\/127\.0\.0\.1:\d+, which is not followed/,
    );
    expect(strangers).toBe(0);
    expect((await client.call('circle')).content[0]?.text).toMatch(/redirects more than 5 times/);
  });

  it('nothing, other encodings, files and floods are told as what they are', async () => {
    expect((await client.call('empty')).content).toEqual([{ type: 'text', text: 'Status code: 204' }]);
    expect((await client.call('latin')).content[0]?.text).toBe('ü');
    expect((await client.call('file')).content).toEqual([
      { type: 'resource', resource: { uri: 'answer:file', mimeType: 'application/pdf', blob: 'Jf/+' } },
    ]);
    expect(await client.call('huge')).toMatchObject({
      isError: true,
      content: [{ text: 'The answer has more than 8388608 bytes' }],
    });
  });

  it('a body that takes further members gets them', async () => {
    await client.call('label', { on: '7', colour: 'red', size: 'XL' });
    expect(shop.last.url).toBe('/labels?on=7');
    expect(JSON.parse(shop.last.body)).toEqual({ colour: 'red', size: 'XL' });
    expect(await client.call('label', { size: 5 })).toMatchObject({ isError: true });
  });

  it("a path's own servers are called where no base_url is set", async () => {
    expect((await client.call('other_label')).content[0]?.text).toMatch(
      /^http:\/\/labels\.invalid:8443 cannot/,
    );
    expect((await client.call('other_get_order', { order_id: 1 })).content[0]?.text).toMatch(
      /^http:\/\/127\.0\.0\.1:1 cannot be reached: .*(ECONNREFUSED|bad port)/,
    );
  });

  it('what cannot be offered is left out, the log says why, and the service serves', async () => {
    const messages = () => log.texts.join('\n');
    for (const name of ['upload', 'broken_reference', 'broken_body', 'broken_parameter']) {
      expect(tools.has(name)).toBe(false);
      expect(messages()).toMatch(new RegExp(`${name} of .*shop\\.yaml is not offered as a tool: `));
    }
    expect(messages()).toMatch(/\/broken-path of .*does not point into this document/);
    expect(messages()).toMatch(/shop\.yaml has no operations no_such_operation/);
    expect(messages()).toMatch(/shop\.yaml without operationId, which are not offered: 1/);
    await eventually('the unreachable document is named', () =>
      /MCP_OPENAPI: http:\/\/127\.0\.0\.1:1\/openapi\.json cannot be read: .*tried again in 1 s/.test(
        messages(),
      ),
    );
  });
});
