import { Injectable, Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { McpModule } from '../../src/mcp/mcp.module.js';
import { Prompt } from '../../src/mcp/prompts/prompt.decorator.js';
import { Resource, ResourceTemplate } from '../../src/mcp/resources/resource.decorator.js';
import type { ToolContext } from '../../src/mcp/tools/tool-context.js';
import { Tool } from '../../src/mcp/tools/tool.decorator.js';
import type { Json } from '../harness/mcp-client.js';
import { McpHttpClient, parseEvents } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';
import { McpSchema } from './mcp-schema.js';

const REVISIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const;
const annotations = { audience: ['user'], priority: 0.5, lastModified: '2026-01-01T00:00:00Z' };
const _meta = { 'example.com/note': 'x' };

/** Everything that any revision allows. */
const BLOCKS = [
  { type: 'text', text: 'text', annotations, _meta },
  { type: 'image', data: 'aW1hZ2U=', mimeType: 'image/png', annotations, _meta },
  { type: 'audio', data: 'YXVkaW8=', mimeType: 'audio/wav', annotations, _meta },
  {
    type: 'resource',
    resource: { uri: 'test://r', mimeType: 'text/plain', text: 'inside', _meta },
    annotations,
    _meta,
  },
  {
    type: 'resource_link',
    uri: 'test://linked',
    name: 'linked',
    title: 'Linked',
    description: 'What is linked',
    mimeType: 'text/plain',
    size: 3,
    annotations,
    icons: [{ src: 'https://example.com/icon.png' }],
    _meta,
  },
];

@Injectable()
class Everything {
  @Tool({
    scope: null,
    name: 'everything',
    title: 'Everything',
    description: 'Gives every kind of content',
    output: z.object({ n: z.number() }),
    annotations: { title: 'All', streamingHint: true, readOnlyHint: true },
    meta: _meta,
  })
  async everything(_args: object, { streamContent, reportProgress, log, requestInput }: ToolContext) {
    log.info('plain');
    log.info('with context', { n: 1 });
    await reportProgress({ progress: 1, total: 2, message: 'half' });
    await streamContent(BLOCKS as never);
    await requestInput({
      ask: {
        method: 'sampling/createMessage',
        params: { messages: [{ role: 'user', content: BLOCKS[2] as never }], maxTokens: 1 },
      },
    });
    return { content: BLOCKS, structuredContent: { n: 1 }, _meta };
  }

  @Resource({ scope: null, uri: 'test://titled', name: 'titled', title: 'Titled', mimeType: 'text/plain' })
  titled() {
    return { text: 'x' };
  }

  @ResourceTemplate({ scope: null, uriTemplate: 'test://titled/{id}', name: 'template', title: 'Template' })
  template() {
    return { text: 'x' };
  }

  @Prompt({ name: 'titled', title: 'Titled', arguments: [{ name: 'a', description: 'A', required: false }] })
  prompt() {
    return [
      { role: 'user' as const, content: BLOCKS[2] as never },
      { role: 'user' as const, content: BLOCKS[4] as never },
    ];
  }
}

@Module({ imports: [McpModule], providers: [Everything] })
class EverythingModule {}

let service: RunningService;
beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory', DEMO: 'true' }, [EverythingModule]);
});
afterAll(() => service.stop());

/** The definitions of results by method. */
const RESULTS: readonly (readonly [method: string, params: Json, definition: string])[] = [
  ['ping', {}, 'EmptyResult'],
  ['tools/list', {}, 'ListToolsResult'],
  ['tools/call', { name: 'list_operations' }, 'CallToolResult'],
  ['tools/call', { name: 'list_operations', arguments: { limit: 'x' } }, 'CallToolResult'],
  ['tools/call', { name: 'get_item', arguments: { item_id: 1 } }, 'CallToolResult'],
  ['resources/list', {}, 'ListResourcesResult'],
  ['resources/templates/list', {}, 'ListResourceTemplatesResult'],
  ['resources/read', { uri: 'test://titled' }, 'ReadResourceResult'],
  ['resources/subscribe', { uri: 'test://titled' }, 'EmptyResult'],
  ['resources/unsubscribe', { uri: 'test://titled' }, 'EmptyResult'],
  ['prompts/list', {}, 'ListPromptsResult'],
  ['prompts/get', { name: 'titled' }, 'GetPromptResult'],
  [
    'completion/complete',
    { ref: { type: 'ref/prompt', name: 'titled' }, argument: { name: 'a', value: '' } },
    'CompleteResult',
  ],
  ['logging/setLevel', { level: 'info' }, 'EmptyResult'],
];

describe.each(REVISIONS)('A session of %s', (revision) => {
  const schema = new McpSchema(revision);
  let client: McpHttpClient;
  let initialized: unknown;

  beforeAll(async () => {
    client = new McpHttpClient(`${service.http}/mcp`);
    initialized = (await client.initialize(revision, { sampling: {}, roots: {} })).answer.result;
  });

  it('is begun with members that it has', async () => {
    expect(await schema.problems('InitializeResult', initialized)).toEqual([]);
  });

  it.each(RESULTS)('%s %j is answered with members that it has', async (method, params, definition) => {
    const { answer } = await client.request(method, params);
    expect(answer.error).toBeUndefined();
    expect(await schema.problems(definition, answer.result)).toEqual([]);
  });

  it('a call is told of in members that it has, and nothing of its content is lost', async () => {
    const response = await client.fetch(
      client.message('tools/call', { name: 'everything', _meta: { progressToken: 'p' } }),
    );
    const messages: Json[] = [];
    let text = '';
    for await (const chunk of response.body!) {
      text += Buffer.from(chunk as Uint8Array).toString();
      messages.length = 0;
      for (const { data } of parseEvents(text)) if (data !== '') messages.push(JSON.parse(data) as Json);
      const asked = messages.find(({ method }) => method === 'sampling/createMessage');
      if (asked && !text.includes('answered: yes')) {
        text += ': answered: yes\n\n';
        const result = { role: 'assistant', content: { type: 'text', text: 'x' }, model: 'm' };
        await client.post({ jsonrpc: '2.0', id: asked.id, result });
      }
    }
    const known: Record<string, string> = {
      'notifications/progress': 'ProgressNotification',
      'notifications/message': 'LoggingMessageNotification',
      'sampling/createMessage': 'CreateMessageRequest',
    };
    const isNewest = revision === '2025-11-25';
    for (const { jsonrpc, id, ...message } of messages) {
      const definition = known[String(message.method)];
      if (definition === undefined) continue;
      const whole = isNewest ? { jsonrpc, ...(id !== undefined && { id }), ...message } : message;
      expect(await schema.problems(definition, whole)).toEqual([]);
    }
    expect(messages.map(({ method }) => method)).toContain('notifications/progress');
    const { result } = messages.at(-1) as { result: { content: Json[] } };
    expect(await schema.problems('CallToolResult', result)).toEqual([]);
    for (const kept of ['aW1hZ2U=', 'YXVkaW8=', 'inside', 'test://linked', 'What is linked']) {
      expect(JSON.stringify(result.content)).toContain(kept);
    }
    const streamed = messages.find(({ method }) => method === 'notifications/tool/streamContent');
    const { content } = streamed!.params as { content: unknown[] };
    expect(await schema.problems('CallToolResult', { content })).toEqual([]);
  });

  it('has tasks from 2025-11-25 on', async () => {
    const { answer } = await client.request('tasks/list');
    expect(answer.error?.code).toBe(revision === '2025-11-25' ? undefined : -32601);
  });
});

it('2026-07-28 is answered with members that it has', async () => {
  const schema = new McpSchema('2026-07-28');
  const client = new McpHttpClient(`${service.http}/mcp`);
  const both = RESULTS.filter(([method]) => /list|call|read|get|complete/.test(method));
  for (const [method, params, definition] of both) {
    const { answer } = await client.modern(method, params);
    expect([method, await schema.problems(definition, answer.result)]).toEqual([method, []]);
  }
  const { answer } = await client.modern('server/discover');
  expect(await schema.problems('DiscoverResult', answer.result)).toEqual([]);
});
