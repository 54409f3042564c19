import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OperationsService } from '../../src/operations/operations.service.js';
import { eventually } from '../harness/eventually.js';
import type { Json } from '../harness/mcp-client.js';
import { McpHttpClient, parseEvents, readEvents } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';
import { ProbeTools, ProbeToolsModule } from './probe-tools.js';

let service: RunningService;
let client: McpHttpClient;
let probes: ProbeTools;

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory' }, [ProbeToolsModule]);
  probes = service.get(ProbeTools);
});
afterAll(() => service.stop());
beforeEach(async () => {
  probes.waiting = false;
  client = new McpHttpClient(`${service.http}/mcp`);
  await client.initialize();
});

/** Calls `gate` and reads until it waits. @returns the call's id, and the rest of its stream as text */
async function waitAtGate(): Promise<{ id: unknown; rest: Promise<string> }> {
  const body = client.message('tools/call', { name: 'gate', _meta: { progressToken: 'p' } });
  const response = await client.fetch(body);
  const rest = response.text();
  await eventually('it waits', () => probes.waiting);
  return { id: body.id, rest };
}

async function resumeAfter(id: string): Promise<{ status: number; text: string }> {
  const response = await client.get({ 'last-event-id': id });
  return { status: response.status, text: await response.text() };
}

/** Ways in which a call ends while its client reads. */
const ENDS: readonly (readonly [how: string, end: (id: unknown) => Promise<unknown> | void])[] = [
  ['its answer', () => probes.open()],
  [
    'a cancellation',
    (requestId) =>
      client.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, reason: 'x' } }),
  ],
  [
    'a cancellation of its operation',
    async () => {
      const { operations } = await service
        .get(OperationsService)
        .list('default', { type: 'mcp.tool/gate', active: true, limit: 1 });
      await service
        .get(OperationsService)
        .cancel({ tenant: 'default', operationId: operations[0]!.operationId }, 'from outside');
    },
  ],
];

describe('A stream that has ended', () => {
  it.each(ENDS)('with %s is over for whoever has all of it: 204, every time', async (_how, end) => {
    const { id, rest } = await waitAtGate();
    await end(id);
    const last = parseEvents(await rest).at(-1)!;
    for (let times = 0; times < 2; times++) {
      expect(await resumeAfter(last.id!)).toEqual({ status: 204, text: '' });
    }
  });

  it('is given again to whoever lacks its end', async () => {
    const { rest } = await waitAtGate();
    probes.open();
    const events = parseEvents(await rest);
    const { status, text } = await resumeAfter(events.at(-2)!.id!);
    expect([status, parseEvents(text)]).toEqual([200, events.slice(-1)]);
  });

  it('was never sent events beyond its last', async () => {
    const { rest } = await waitAtGate();
    probes.open();
    const last = parseEvents(await rest).at(-1)!.id!;
    const beyond = last.replace(/\d+$/, (number) => String(Number(number) + 1));
    expect((await resumeAfter(beyond)).status).toBe(400);
  });
});

describe('An answer', () => {
  it('is kept while a neighbour sends more than a session keeps of reports', async () => {
    const abort = new AbortController();
    const body = client.message('tools/call', { name: 'gate', _meta: { progressToken: 'p' } });
    const events = readEvents(await client.fetch(body, {}, abort.signal));
    let last = '';
    while (!probes.waiting || last === '') {
      const { value } = await events.next();
      if (value?.id) last = value.id;
      if (value?.data.includes('first')) break;
    }
    abort.abort();
    probes.open();
    await client.call('flood', { count: 1500, size: 600 }, { _meta: { progressToken: 'q' } });
    const { status, text } = await resumeAfter(last);
    const messages = parseEvents(text).map(({ data }) => JSON.parse(data) as { id?: unknown; result?: Json });
    expect([status, messages.at(-1)]).toMatchObject([
      200,
      { id: body.id, result: { content: [{ text: 'passed' }] } },
    ]);
  });

  it('comes once to each request, or its stream is refused, however streams break and resume', async () => {
    const step = fc.record({ breakAfter: fc.integer({ min: 1, max: 6 }), noise: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
        const body = client.message('tools/call', {
          name: 'flood',
          arguments: { count: 12, size: 20 },
          _meta: { progressToken: 'p' },
        });
        let answers = 0;
        let last = '';
        for (const { breakAfter, noise } of [...steps, { breakAfter: Infinity, noise: false }]) {
          const abort = new AbortController();
          const headers: Record<string, string> = last === '' ? {} : { 'last-event-id': last };
          const response =
            last === ''
              ? await client.fetch(body, {}, abort.signal)
              : await client.get(headers, abort.signal);
          if (response.status === 204) break;
          expect(response.status).toBe(200);
          let read = 0;
          for await (const { id, data } of readEvents(response)) {
            if (id !== undefined) last = id;
            if (data !== '' && 'result' in (JSON.parse(data) as Json)) answers += 1;
            read += 1;
            if (read >= breakAfter) break;
          }
          abort.abort();
          if (noise) await client.call('flood', { count: 3, size: 5 }, { _meta: { progressToken: 'n' } });
          if (answers > 0) break;
        }
        expect(answers).toBe(1);
        expect((await client.get({ 'last-event-id': last })).status).toBe(204);
      }),
      { numRuns: 30 },
    );
  });
});

describe('A quiet stream', () => {
  it('is kept alive by comments that no parser takes for an event', async () => {
    const quiet = await RunningService.start({ STORE: 'memory', MCP_PING_INTERVAL_MS: '50' });
    const abort = new AbortController();
    try {
      const reader = new McpHttpClient(`${quiet.http}/mcp`);
      await reader.initialize();
      const stream = await reader.get({}, abort.signal);
      let text = '';
      for await (const chunk of stream.body!) {
        text += Buffer.from(chunk as Uint8Array).toString();
        if (text.split(': keep-alive').length > 3) break;
      }
      // Beside the event that begins the stream there is no blank line, where some clients see an empty event.
      expect(text.split('\n\n')).toHaveLength(2);
    } finally {
      abort.abort();
      await quiet.stop();
    }
  });
});
