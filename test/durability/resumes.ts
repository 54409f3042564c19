import { expect } from 'vitest';
import { JsonSocket } from '../harness/json-socket.js';
import { McpClient } from '../harness/mcp-client.js';
import { McpHttpClient } from '../harness/mcp-http.js';
import type { RunningService } from '../harness/running-service.js';
import { SseClient } from '../harness/sse-client.js';
import { sign } from '../harness/tokens.js';

/** Where a follower stopped, in every form in which a transport names a place. */
export interface Place {
  readonly seq: number;
  readonly position: string;
  /** Name of the operation's log, and of the tenant's; left out by a reader that kept only numbers. */
  readonly log?: string;
  readonly logOfAll?: string;
}

/** What a follower was sent after it resumed, up to the end of the operation. */
export interface Resumed {
  readonly lost: boolean;
  /** Messages of the log lines, in order. */
  readonly lines: readonly string[];
}

interface Message {
  readonly type?: string;
  readonly event_type?: string;
  readonly event?: Message;
  readonly data?: { readonly message?: string };
}

/** Folds messages of any transport into what they say of the log. */
class Collector {
  lost = false;
  readonly lines: string[] = [];

  /** @returns true at the end of the operation */
  take(message: Message): boolean {
    const event = message.event ?? message;
    const type = event.event_type ?? event.type;
    if (type === 'history_lost') this.lost = true;
    if (type === 'log' && event.data?.message !== undefined) this.lines.push(event.data.message);
    return type === 'completed';
  }
}

async function overSocket(url: string, command: object): Promise<Resumed> {
  const socket = await JsonSocket.connect(url);
  socket.send(command);
  const collector = new Collector();
  while (!collector.take(await socket.next()));
  socket.terminate();
  return collector;
}

async function overSse(url: string, headers: Record<string, string> = {}): Promise<Resumed> {
  const stream = await SseClient.open(url, headers);
  const collector = new Collector();
  for (;;) {
    const [message] = await stream.take(1);
    const { event, data } = message!;
    if (collector.take(event === 'history_lost' ? { type: event } : data)) break;
  }
  stream.close();
  return collector;
}

export function fromPage(page: { events: readonly Message[]; history_lost?: boolean }): Resumed {
  const collector = new Collector();
  for (const event of page.events) collector.take(event);
  return { lines: collector.lines, lost: page.history_lost === true };
}

function fromTexts(texts: readonly string[]): Resumed {
  const collector = new Collector();
  for (const text of texts)
    for (const line of text.split('\n')) if (line !== '') collector.take(JSON.parse(line) as Message);
  return collector;
}

const agentsUrl = async ({ ws }: RunningService) => `${ws}/agents?token=${await sign({ id: 'a' })}`;
/** A place as a query, with the name of its log where the reader has it. */
const queryOf = (name: string, place: string | number, log: string | undefined) =>
  `${name}=${place}${log === undefined ? '' : `&log=${log}`}`;
/** A place and its log in one. */
const joined = (place: string | number, log: string | undefined) =>
  log === undefined ? String(place) : `${place}@${log}`;
const watching = ({ seq, log }: Place) => ({ operation_id: 'job', after_seq: seq, log });

/** Follows the operation `job` from a place to its end, by every transport. */
export const RESUMES: Readonly<Record<string, (service: RunningService, place: Place) => Promise<Resumed>>> =
  {
    'hub, subscribe': ({ ws }, place) =>
      overSocket(`${ws}/hub`, { command: 'subscribe', ...watching(place) }),
    'hub, subscribe_all': ({ ws }, { position, logOfAll }) =>
      overSocket(`${ws}/hub`, { command: 'subscribe_all', after: position, log: logOfAll }),
    'hub, subscribe_all, joined': ({ ws }, { position, logOfAll }) =>
      overSocket(`${ws}/hub`, { command: 'subscribe_all', after: joined(position, logOfAll) }),
    'hub, get_history': async (service, place) => {
      const hub = await service.hub();
      const { data } = await hub.request({ command: 'get_history', limit: 100, ...watching(place) });
      return fromPage(data as unknown as Parameters<typeof fromPage>[0]);
    },
    'agents, subscribe': async (service, place) =>
      overSocket(await agentsUrl(service), { type: 'subscribe', id: 1, ...watching(place) }),
    'agents, subscribe_all': async (service, { position, logOfAll }) =>
      overSocket(await agentsUrl(service), { type: 'subscribe_all', id: 1, after: position, log: logOfAll }),
    'SSE of one, Last-Event-ID': ({ http }, { seq, log }) =>
      overSse(`${http}/api/operations/job/stream`, { 'last-event-id': joined(seq, log) }),
    'SSE of one, query': ({ http }, { seq, log }) =>
      overSse(`${http}/api/operations/job/stream?${queryOf('after_seq', seq, log)}`),
    'SSE of all, Last-Event-ID': ({ http }, { position, logOfAll }) =>
      overSse(`${http}/api/stream`, { 'last-event-id': joined(position, logOfAll) }),
    'SSE of all, query': ({ http }, { position, logOfAll }) =>
      overSse(`${http}/api/stream?${queryOf('after', position, logOfAll)}`),
    'REST, polling': async ({ rest }, { seq, log }) => {
      const { body } = await rest.get(
        `/api/operations/job/events?limit=100&${queryOf('after_seq', seq, log)}`,
      );
      return fromPage(body as unknown as Parameters<typeof fromPage>[0]);
    },
    'MCP over WebSocket, watch_operation': async ({ ws }, place) => {
      const client = await McpClient.connect(`${ws}/mcp`);
      await client.initialize('2025-11-25');
      const result = await client.call('watch_operation', watching(place), { _meta: { progressToken: 'p' } });
      client.terminate();
      const texts = client
        .of('notifications/tool/streamContent')
        .map(({ params }) => params.content![0]!.text);
      const told = fromTexts(texts);
      expect((result.structuredContent as { history_lost?: boolean }).history_lost === true).toBe(told.lost);
      return told;
    },
    'MCP over HTTP, watch_operation': async ({ http }, place) => {
      const client = new McpHttpClient(`${http}/mcp`);
      await client.initialize();
      const { notifications } = await client.call('watch_operation', watching(place), {
        _meta: { progressToken: 'p' },
      });
      const streamed = notifications.filter(({ method }) => method === 'notifications/tool/streamContent');
      return fromTexts(streamed.map(({ params }) => params.content![0]!.text));
    },
    'MCP, get_history': async ({ ws }, place) => {
      const client = await McpClient.connect(`${ws}/mcp`);
      await client.initialize();
      const { content } = await client.call('get_history', {
        limit: 100,
        id: 'job',
        after_seq: place.seq,
        log: place.log,
      });
      client.terminate();
      return fromPage(JSON.parse(content[0]!.text) as Parameters<typeof fromPage>[0]);
    },
  };
