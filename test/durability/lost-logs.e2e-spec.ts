import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HubClient as Sdk, type FollowedEvent } from '../../src/client/index.js';
import { eventually } from '../harness/eventually.js';
import { freePort } from '../harness/free-port.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';
import { fromPage, type Place, type Resumed, RESUMES } from './resumes.js';

/**
 * A follower has seen some of a log. Then something happens to the log, it grows again beyond that place, and the
 * follower resumes: on every transport it gets all that is new, or is told that what it has is no longer the log.
 */

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
