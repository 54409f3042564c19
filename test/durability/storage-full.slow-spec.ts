import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HubClient } from '../harness/hub-client.js';
import { RestClient } from '../harness/rest-client.js';
import { ServiceProcess } from '../harness/service-process.js';

const MEGABYTE = 1024 * 1024;
/** One event of this size takes a visible part of the space. */
const LINE = 'x'.repeat(60_000);

/** A way to run out of space, and to get some again. */
interface Shortage {
  readonly dataDir?: string;
  begin(service: ServiceProcess): void;
  end(service: ServiceProcess): void;
  cleanUp(): void;
}

const limitFileSize = ({ pid }: ServiceProcess, bytes: string) =>
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);

/** The kernel refuses to let any file of the process grow further, as a quota does. */
function fileSizeLimit(): Shortage {
  return {
    begin: (service) => limitFileSize(service, String(3 * MEGABYTE)),
    end: (service) => limitFileSize(service, 'unlimited'),
    cleanUp: () => {},
  };
}

/** A file system of a few megabytes. */
function smallFileSystem(): Shortage {
  const directory = mkdtempSync(join(tmpdir(), 'opstream-full-'));
  const mount = (options: string) =>
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory], { stdio: 'pipe' });
  mount('size=4m');
  return {
    dataDir: join(directory, 'data'),
    begin: () => {},
    end: () => mount('remount,size=64m'),
    cleanUp: () => {
      execFileSync('umount', [directory]);
      rmSync(directory, { recursive: true });
    },
  };
}

/** Outside CI a machine may forbid mounting; that must not be overlooked. */
function canMount(): boolean {
  try {
    smallFileSystem().cleanUp();
    return true;
  } catch (refused) {
    if (process.env.CI === 'true') throw refused;
    console.warn('SKIPPED: this user may not mount a file system; the test of a full one did not run');
    return false;
  }
}

describe.each([
  { what: 'a file may not grow', create: fileSizeLimit, possible: true },
  { what: 'the file system is full', create: smallFileSystem, possible: canMount() },
])('storage, when $what', ({ create, possible }) => {
  let shortage: Shortage;
  let service: ServiceProcess;

  beforeEach(async (context) => {
    if (!possible) return context.skip();
    shortage = create();
    service = await ServiceProcess.start(
      shortage.dataDir === undefined ? {} : { DATA_DIR: shortage.dataDir },
    );
  });
  afterEach(async () => {
    await service.stop();
    shortage.cleanUp();
  });

  const rest = () => new RestClient(service.url);
  const post = (n: number, message = LINE) =>
    rest().request<{ code?: string; seq?: number }>('POST', '/api/operations/job/log', {
      body: { message: `${n} ${message}`, event_id: `event-${n}` },
    });
  const numbers = async () => {
    const found: number[] = [];
    for (;;) {
      const path = `/api/operations/job/events?limit=1000&after_seq=${found.length + 1}`;
      const { body } = await rest().request<{
        events: { data: { message: string } }[];
        has_more: boolean;
      }>('GET', path);
      found.push(...body.events.map(({ data }) => Number.parseInt(data.message, 10)));
      if (!body.has_more) return found;
    }
  };

  it('refuses appends with storage_full, keeps what it acknowledged, and goes on once there is space', async () => {
    const follower = await HubClient.connect(`${service.url.replace('http', 'ws')}/hub`);
    const body = { operation_type: 'job', operation_id: 'job' };
    expect((await rest().request('POST', '/api/operations', { body })).status).toBe(201);
    await follower.subscribe('job', { after_seq: 1 });
    shortage.begin(service);

    const acknowledged: number[] = [];
    let refused: Awaited<ReturnType<typeof post>> | undefined;
    for (let n = 1; n <= 1000 && !refused; n++) {
      const answer = await post(n);
      if (answer.status === 201) acknowledged.push(n);
      else refused = answer;
    }
    expect(refused).toMatchObject({ status: 507, body: { code: 'storage_full' } });
    expect(acknowledged.length).toBeGreaterThan(10);

    // Every face says so, again and again; nothing of a batch is recorded.
    const next = acknowledged.length + 1;
    expect(await post(next)).toMatchObject({ status: 507, body: { code: 'storage_full' } });
    const producer = await HubClient.connect(`${service.url.replace('http', 'ws')}/hub`);
    const emit = {
      command: 'emit',
      operation_id: 'job',
      event_type: 'log',
      data: { message: `${next} ${LINE}` },
    };
    const events = Array.from({ length: 10 }, () => ({ event_type: 'log', data: emit.data }));
    expect(await producer.request(emit)).toMatchObject({ data: { code: 'storage_full' } });
    const batch = await rest().request('POST', '/api/operations/job/events', { body: events });
    expect(batch).toMatchObject({ status: 507, body: { code: 'storage_full' } });

    // Reading goes on, and shows exactly what was acknowledged; so does following.
    expect((await rest().request('GET', '/health')).status).toBe(200);
    expect(await numbers()).toEqual(acknowledged);
    const followed = (await follower.take(acknowledged.length)).map(({ data }) =>
      Number.parseInt((data as { message: string }).message, 10),
    );
    expect(followed).toEqual(acknowledged);
    await follower.expectNothing();

    shortage.end(service);
    for (let n = next; n < next + 20; n++) {
      expect(await post(n)).toMatchObject({ status: 201, body: { seq: n + 1 } });
      acknowledged.push(n);
    }
    expect(await numbers()).toEqual(acknowledged);

    await service.kill();
    await service.restart();
    expect(await numbers()).toEqual(acknowledged);
    expect(await post(acknowledged.length + 1)).toMatchObject({
      status: 201,
      body: { seq: acknowledged.length + 2 },
    });
  });

  it('survives kill -9 while it is full', async () => {
    const body = { operation_type: 'job', operation_id: 'job' };
    await rest().request('POST', '/api/operations', { body });
    shortage.begin(service);
    const acknowledged: number[] = [];
    for (let n = 1; n <= 1000; n++) {
      if ((await post(n)).status !== 201) break;
      acknowledged.push(n);
    }
    await service.kill();
    await service.restart();
    expect(await numbers()).toEqual(acknowledged);
    shortage.end(service);
    expect(await post(acknowledged.length + 1)).toMatchObject({ status: 201 });
  });
});
