import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HubClient as Sdk, type FollowedEvent } from '../../src/client/index.js';
import { eventually } from '../harness/eventually.js';
import { freePort } from '../harness/free-port.js';
import { JsonSocket } from '../harness/json-socket.js';
import { McpClient } from '../harness/mcp-client.js';
import { McpHttpClient } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';
import { SseClient } from '../harness/sse-client.js';
import { SECRET, sign } from '../harness/tokens.js';

/**
 * A follower has seen some of a log. Then something happens to the log, it grows again beyond that place, and the
 * follower resumes: on every transport it gets all that is new, or is told that what it has is no longer the log.
 */

/** Where a follower stopped, in every form in which a transport names a place. */
interface Place {
  readonly seq: number;
  readonly position: string;
  /** Name of the operation's log, and of the tenant's; left out by a reader that kept only numbers. */
  readonly log?: string;
  readonly logOfAll?: string;
}

/** What a follower was sent after it resumed, up to the end of the operation. */
interface Resumed {
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

function fromPage(page: { events: readonly Message[]; history_lost?: boolean }): Resumed {
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

const RESUMES: Readonly<Record<string, (service: RunningService, place: Place) => Promise<Resumed>>> = {
  'hub, subscribe': ({ ws }, place) => overSocket(`${ws}/hub`, { command: 'subscribe', ...watching(place) }),
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
    const { body } = await rest.get(`/api/operations/job/events?limit=100&${queryOf('after_seq', seq, log)}`);
    return fromPage(body as unknown as Parameters<typeof fromPage>[0]);
  },
  'MCP over WebSocket, watch_operation': async ({ ws }, place) => {
    const client = await McpClient.connect(`${ws}/mcp`);
    await client.initialize('2025-11-25');
    const result = await client.call('watch_operation', watching(place), { _meta: { progressToken: 'p' } });
    client.terminate();
    const texts = client.of('notifications/tool/streamContent').map(({ params }) => params.content![0]!.text);
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

let root: string;
let port: number;
const running: RunningService[] = [];

async function start(settings: Record<string, string>): Promise<RunningService> {
  const service = await RunningService.start({
    PORT: String(port),
    JWT_SECRET: SECRET,
    MCP_TOOLSETS: 'all',
    ...settings,
  });
  running.push(service);
  return service;
}

async function stop(service: RunningService): Promise<void> {
  running.splice(running.indexOf(service), 1);
  await service.stop();
}

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'opstream-lost-'));
  port = await freePort();
});
afterEach(async () => {
  for (const service of running.splice(0)) await service.stop();
  rmSync(root, { recursive: true, force: true });
});

const folder = async (name: string) => {
  await mkdir(join(root, name), { recursive: true });
  return join(root, name);
};
/** Kept-alive connections to the service that had the port before fail once. */
const reach = ({ rest }: RunningService) =>
  eventually('an answer', () =>
    rest.get('/health/live').then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
const openJob = ({ rest }: RunningService) =>
  rest.post('/api/operations', { operation_type: 'job', operation_id: 'job' });
async function record({ rest }: RunningService, ...messages: string[]): Promise<void> {
  for (const message of messages) await rest.emit('job', 'log', { message });
}
const named = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix} ${n}`);

/** Copies the files of a store as a power failure may leave them: the write-ahead log ends somewhere. */
function cutPower(from: string, to: string, keepOfLog: number): void {
  copyFileSync(join(from, 'opstream.db'), join(to, 'opstream.db'));
  copyFileSync(join(from, 'opstream.db.mark'), join(to, 'opstream.db.mark'));
  writeFileSync(
    join(to, 'opstream.db-wal'),
    readFileSync(join(from, 'opstream.db-wal')).subarray(0, keepOfLog),
  );
}
const logLength = (dataDir: string) => readFileSync(join(dataDir, 'opstream.db-wal')).length;

interface Happening {
  /** Begins the first log, and lets what is to happen prepare itself. */
  readonly settings: (dataDir: string) => Record<string, string>;
  /** Before the last events that the follower sees. */
  readonly before?: (service: RunningService, dataDir: string) => Promise<unknown>;
  /** @returns the service as it is afterwards; the operation is running in it, or can be opened again */
  readonly happen: (service: RunningService, dataDir: string, prepared: unknown) => Promise<RunningService>;
}

const sqlite = (dataDir: string) => ({ DATA_DIR: dataDir });

const HAPPENINGS: Readonly<Record<string, Happening>> = {
  'an older backup is restored': {
    settings: sqlite,
    before: async (service) => {
      const headers = { authorization: `Bearer ${await sign({ sub: 'root', role: 'admin' })}` };
      const { body } = await service.rest.request('POST', '/api/admin/backup', { body: {}, headers });
      return body.path;
    },
    happen: async (service, _dataDir, backup) => {
      await stop(service);
      const restored = await folder('restored');
      copyFileSync(backup as string, join(restored, 'opstream.db'));
      return start(sqlite(restored));
    },
  },
  'the power fails': {
    settings: sqlite,
    before: async (_service, dataDir) => logLength(dataDir),
    happen: async (service, dataDir, kept) => {
      const after = await folder('after');
      // Somewhere within what was written since.
      const cut = (kept as number) + Math.floor((logLength(dataDir) - (kept as number)) / 2);
      cutPower(dataDir, after, cut);
      await stop(service);
      return start(sqlite(after));
    },
  },
  'a memory store is restarted': {
    settings: () => ({ STORE: 'memory' }),
    happen: async (service) => {
      await stop(service);
      return start({ STORE: 'memory' });
    },
  },
  'the data folder is a new one': {
    settings: sqlite,
    happen: async (service) => {
      await stop(service);
      return start(sqlite(await folder('new')));
    },
  },
  'the id is opened again': {
    settings: sqlite,
    happen: async (service) => {
      await service.rest.post('/api/operations/job/cancel', {});
      await service.rest.request('DELETE', '/api/operations/job');
      return service;
    },
  },
};

async function placeOf({ rest }: RunningService): Promise<Required<Place>> {
  const { body } = await rest.get('/api/operations/job');
  const page = (await rest.get('/api/operations/job/events?limit=1000')).body as unknown as {
    events: { seq: number; position: string }[];
  };
  const { seq, position } = page.events.at(-1)!;
  const log = body.log as string;
  return { seq, position, log, logOfAll: log.split('.').slice(0, 2).join('.') };
}

const KEPT = named('kept', 3);
const SEEN = named('seen', 6);
const NEW = named('new', 12);

/** The first log, and what a follower of it has. */
async function begin(
  happening: Happening,
): Promise<{ service: RunningService; dataDir: string; prepared: unknown }> {
  const dataDir = await folder('data');
  const service = await start(happening.settings(dataDir));
  await openJob(service);
  await record(service, ...KEPT);
  const prepared = await happening.before?.(service, dataDir);
  await record(service, ...SEEN);
  return { service, dataDir, prepared };
}

/** The log grows beyond every place that was remembered, and ends. */
async function growAgain(service: RunningService): Promise<readonly string[]> {
  await reach(service);
  await openJob(service);
  await record(service, ...NEW);
  await service.rest.emit('job', 'result', { result: 'done' });
  const { body } = await service.rest.get('/api/operations/job/events?limit=1000');
  return fromPage(body as unknown as Parameters<typeof fromPage>[0]).lines;
}

describe.each(Object.entries(HAPPENINGS))('when %s', (_what, happening) => {
  it('every transport tells a follower that its place is gone, and gives it the log behind what still holds', async () => {
    const { service, dataDir, prepared } = await begin(happening);
    const place = await placeOf(service);
    const after = await happening.happen(service, dataDir, prepared);
    const whole = await growAgain(after);
    expect(whole.length).toBeGreaterThanOrEqual(NEW.length);
    const told: Record<string, unknown> = {};
    for (const [name, resume] of Object.entries(RESUMES)) {
      const { lost, lines } = await resume(after, place);
      const missing = NEW.filter((line) => !lines.includes(line));
      const order = whole.slice(whole.length - lines.length).join() === lines.join();
      told[name] = {
        lost: name.includes('_all') || name.includes('of all') ? lost || missing.length === 0 : lost,
        missing,
        order,
      };
    }
    const right = { lost: true, missing: [], order: true };
    expect(told).toEqual(Object.fromEntries(Object.keys(RESUMES).map((name) => [name, right])));
  });

  it('the SDK tells those who follow one and all, or gives them everything', async () => {
    const { service, dataDir, prepared } = await begin(happening);
    const sdk = new Sdk({ url: service.http, reconnect: { maxAttempts: Infinity, delay: () => 20 } });
    const one = followed(sdk.follow('job', { afterSeq: 0 }));
    const all = followed(sdk.followAll({ after: '0' }));
    await expect.poll(() => one.lines.includes(SEEN.at(-1)!) && all.lines.includes(SEEN.at(-1)!)).toBe(true);
    const after = await happening.happen(service, dataDir, prepared);
    await growAgain(after);
    await expect.poll(() => all.lines.includes(NEW.at(-1)!), { timeout: 10_000 }).toBe(true);
    await expect.poll(() => one.over || one.lines.includes(NEW.at(-1)!), { timeout: 10_000 }).toBe(true);
    // Who saw the end of the operation has all of it.
    expect(one.told || one.ended).toBe(true);
    expect(all.told || NEW.every((line) => all.lines.includes(line))).toBe(true);
    sdk.close();
  });
});

/** Reads a loop of the SDK in the background. */
function followed(events: AsyncIterable<FollowedEvent>): {
  readonly lines: string[];
  told: boolean;
  ended: boolean;
  over: boolean;
} {
  const state = { lines: [] as string[], told: false, ended: false, over: false };
  void (async () => {
    try {
      for await (const event of events) {
        if (event.event_type === 'history_lost') state.told = true;
        if (event.event_type === 'log') state.lines.push(event.data.message);
        if (event.event_type === 'cancelled') state.ended = true;
      }
    } catch (error) {
      // An operation that was removed, or is another one now, ends what followed it.
      state.told ||= ['history_lost', 'operation_not_found'].includes(
        (error as { code?: string }).code ?? '',
      );
    }
    state.over = true;
  })();
  return state;
}

describe('when the service is restarted and nothing is lost', () => {
  it('no transport tells anything, and each goes on where it was', async () => {
    const { service, dataDir } = await begin({ settings: sqlite, happen: () => Promise.reject(new Error()) });
    const place = await placeOf(service);
    await stop(service);
    const again = await start(sqlite(dataDir));
    await reach(again);
    await record(again, ...NEW);
    await again.rest.emit('job', 'result', { result: 'done' });
    const told: Record<string, Resumed> = {};
    for (const [name, resume] of Object.entries(RESUMES)) {
      const { lost, lines } = await resume(again, place);
      told[name] = { lost, lines };
    }
    expect(told).toEqual(
      Object.fromEntries(Object.keys(RESUMES).map((name) => [name, { lost: false, lines: NEW }])),
    );
  });
});

describe('when a reader kept no name of its log, and the log is shorter than its place', () => {
  /** Readers of all operations learn it from `history_trimmed`. */
  const ofOne = Object.entries(RESUMES).filter(([name]) => !/_all|of all/.test(name));

  it('every transport tells it, and begins anew', async () => {
    const service = await start({ STORE: 'memory' });
    await openJob(service);
    await record(service, ...SEEN);
    const { seq, position } = await placeOf(service);
    await stop(service);
    const again = await start({ STORE: 'memory' });
    await reach(again);
    await openJob(again);
    await record(again, 'new');
    const pages = ofOne.filter(([name]) => /get_history|polling/.test(name));
    expect(pages).toHaveLength(3);
    const right = { lost: true, lines: ['new'] };
    for (const [name, resume] of pages)
      expect([name, await resume(again, { seq, position })]).toEqual([name, expect.objectContaining(right)]);
    await again.rest.emit('job', 'result', { result: 'done' });
    for (const [name, resume] of ofOne)
      expect([name, await resume(again, { seq, position })]).toEqual([name, expect.objectContaining(right)]);
  });
});
