import { Injectable, Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { McpModule } from '../../src/mcp/mcp.module.js';
import { MAX_UNSENT_BYTES } from '../../src/mcp/session/reader-watch.js';
import type { ToolContext } from '../../src/mcp/tools/tool-context.js';
import { Tool } from '../../src/mcp/tools/tool.decorator.js';
import { McpClient, modern } from '../harness/mcp-client.js';
import { McpHttpClient } from '../harness/mcp-http.js';
import { McpSseClient } from '../harness/mcp-sse.js';
import { RunningService } from '../harness/running-service.js';

const LARGE = 2 * MAX_UNSENT_BYTES;

@Injectable()
class Large {
  @Tool({ scope: null, name: 'large', description: 'Reports, then gives more than any bound', record: false })
  async large(_args: object, { reportProgress, log, streamContent }: ToolContext): Promise<string> {
    await reportProgress({ progress: 1, total: 2 });
    log.info('small');
    await streamContent({ type: 'text', text: 'small' });
    return 'x'.repeat(LARGE);
  }
}

@Module({ imports: [McpModule], providers: [Large] })
class LargeModule {}

let service: RunningService;
beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory', MCP_LEGACY_SSE: 'true' }, [LargeModule]);
});
afterAll(() => service.stop());

const params = { name: 'large', _meta: { progressToken: 'p' } };
const lengthOf = ({ content }: { content: readonly { text: string }[] }) => content[0]!.text.length;

describe('A result larger than every bound, after something small', () => {
  it('arrives over HTTP in a session, and two at once', async () => {
    const client = new McpHttpClient(`${service.http}/mcp`);
    await client.initialize();
    const both = await Promise.all([
      client.request('tools/call', params),
      client.request('tools/call', params),
    ]);
    expect(both.map(({ answer }) => lengthOf(answer.result))).toEqual([LARGE, LARGE]);
  });

  it('arrives over HTTP in 2026-07-28', async () => {
    const client = new McpHttpClient(`${service.http}/mcp`);
    const { answer } = await client.modern('tools/call', { name: 'large' }, {}, { progressToken: 'p' });
    expect(lengthOf(answer.result)).toBe(LARGE);
  });

  it.each([
    ['in a session', (given: object) => given],
    ['in 2026-07-28', (given: object) => modern({ ...given }, {}, { progressToken: 'p' })],
  ])('arrives over WebSocket %s, two at once', async (_era, of) => {
    const client = await McpClient.connect(`${service.ws}/mcp`);
    await client.initialize();
    const both = await Promise.all([
      client.result('tools/call', of(params)),
      client.result('tools/call', of(params)),
    ]);
    expect(both.map(lengthOf)).toEqual([LARGE, LARGE]);
    client.terminate();
  });

  it('arrives over HTTP with SSE', async () => {
    const client = await McpSseClient.connect(service.http);
    await client.initialize();
    expect(lengthOf(await client.result('tools/call', params))).toBe(LARGE);
    client.close();
  });
});
