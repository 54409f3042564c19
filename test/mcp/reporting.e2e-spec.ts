import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTool } from '../../src/mcp/tools/tool-definition.js';
import { ToolRegistry } from '../../src/mcp/tools/tool-registry.js';
import type { OperationSnapshot } from '../../src/client/protocol/operation-events.js';
import { McpClient, modern, type Json } from '../harness/mcp-client.js';
import { McpHttpClient, modernHeaders, readEvents } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';

const COUNT = 900;
const TOKEN = { _meta: { progressToken: 'p' } };
const Count = z.object({ count: z.number() });

let service: RunningService;

beforeAll(async () => {
  service = await RunningService.start();
  service.get(ToolRegistry).add(
    defineTool(
      { scope: null, name: 'report', description: 'Reports as fast as it may', parameters: Count },
      async (args, { reportProgress }) => {
        const { count } = Count.parse(args);
        for (let n = 1; n <= count; n++) await reportProgress({ progress: n, total: count });
        return 'reported';
      },
    ),
    defineTool(
      { scope: null, name: 'report_carelessly', description: 'Awaits nothing', parameters: Count },
      (args, { reportProgress }) => {
        const { count } = Count.parse(args);
        for (let n = 1; n <= count; n++) void reportProgress({ progress: n, total: count });
        return 'reported';
      },
    ),
    defineTool(
      { scope: null, name: 'too_large', description: 'Streams what the log refuses' },
      async (_args: Json, { streamContent, reportProgress }) => {
        await reportProgress({ progress: 1 });
        await reportProgress({ progress: 2 });
        await streamContent({ type: 'text', text: 'x'.repeat(1_200_000) });
        await reportProgress({ progress: 3 });
        return 'reported';
      },
    ),
  );
});
afterAll(() => service.stop());

async function recordedProgress(tool: string): Promise<number[]> {
  const { operation_id: id } = await newestCall(tool);
  const page = await service.rest.get<{ events: { event_type: string; data: Json }[] }>(
    `/api/operations/${id}/events?limit=1000`,
  );
  return page.body.events
    .filter(({ event_type }) => event_type === 'progress')
    .map(({ data }) => (data.details as { progress: number }).progress);
}

async function newestCall(tool: string): Promise<OperationSnapshot> {
  const path = `/api/operations?type=mcp.tool/${tool}&limit=1`;
  const { body } = await service.rest.get<{ operations: OperationSnapshot[] }>(path);
  return body.operations[0]!;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('A tool that reports many times', () => {
  it('S0-10 S0-14: over a stream of 2026-07-28 all arrive in order, while it runs, and each was recorded first', async () => {
    const client = new McpHttpClient(`${service.http}/mcp`);
    const params = { name: 'report', arguments: { count: COUNT } };
    const body = client.message('tools/call', modern(params, {}, { progressToken: 'p' }));
    const response = await client.fetch(body, modernHeaders('tools/call', params));
    const seen: number[] = [];
    let reads = 0;
    let answer: unknown;
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body!) {
      reads += 1;
      rest += decoder.decode(chunk as Uint8Array, { stream: true });
      const messages = rest.split('\n\n');
      rest = messages.pop()!;
      for (const message of messages) {
        const { params: told, result } = JSON.parse(message.replace('data: ', '')) as {
          params?: { progress: number };
          result?: unknown;
        };
        if (told) seen.push(told.progress);
        else answer = result;
      }
      // The opening is the first event of the operation.
      const { event_count: recorded } = await newestCall('report');
      expect(recorded - 1).toBeGreaterThanOrEqual(seen.length);
    }
    expect(seen).toEqual(upTo(COUNT));
    expect(reads).toBeGreaterThan(3);
    expect(answer).toMatchObject({ content: [{ text: 'reported' }] });
    expect(await recordedProgress('report')).toEqual(upTo(COUNT));
  });

  it('in a session every notification has its own event id, and a client that comes back misses none', async () => {
    const client = new McpHttpClient(`${service.http}/mcp`);
    await client.initialize();
    const abort = new AbortController();
    const call = client.message('tools/call', { name: 'report', arguments: { count: 500 }, ...TOKEN });
    const ids: string[] = [];
    const seen: number[] = [];
    const read = async (response: Response): Promise<void> => {
      for await (const { id, data } of readEvents(response)) {
        if (id !== undefined) ids.push(id);
        const message = data === '' ? {} : (JSON.parse(data) as { params?: { progress: number } });
        if (message.params) seen.push(message.params.progress);
        if (seen.length >= 10) abort.abort();
      }
    };
    await expect(read(await client.fetch(call, {}, abort.signal))).rejects.toThrow('abort');
    await read(await client.get({ 'last-event-id': ids.at(-1)! }));
    expect(seen).toEqual(upTo(500));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each(['report', 'report_carelessly'])('over WebSocket: %s', async (tool) => {
    const client = await McpClient.connect(`${service.ws}/mcp`);
    await client.initialize();
    await client.call(tool, { count: COUNT }, TOKEN);
    expect(client.of('notifications/progress').map(({ params }) => params.progress)).toEqual(upTo(COUNT));
    expect(await recordedProgress(tool)).toEqual(upTo(COUNT));
    client.terminate();
  });

  it('a report that the log refuses reaches the caller in its place', async () => {
    const client = await McpClient.connect(`${service.ws}/mcp`);
    await client.initialize();
    expect((await client.call('too_large', {}, TOKEN)).content[0]!.text).toBe('reported');
    const progress = client
      .of('notifications/progress')
      .map(({ params }) => [Math.round(Number(params.progress)), ((params.message ?? '') as string).length]);
    expect(progress).toEqual([
      [1, 0],
      [2, 0],
      [2, 1_200_000],
      [3, 0],
    ]);
    client.terminate();
  });
});
