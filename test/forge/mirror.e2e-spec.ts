import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { FakeAttempt } from '../harness/fake-attempt.js';
import { FakeForge } from '../harness/fake-forge.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';

interface Event {
  readonly event_type: string;
  readonly seq: number;
  readonly data: {
    readonly message?: string;
    readonly error?: string;
    readonly error_type?: string;
    readonly result?: Record<string, unknown>;
    readonly details?: { readonly kind: string; readonly [key: string]: unknown };
  };
}

let forge: FakeForge;
let service: RunningService;

const start = (settings = {}) =>
  RunningService.start({
    FORGE_URL: forge.url,
    FORGE_TENANTS: '*',
    FORGE_RECONNECT_DELAY_MS: '10',
    FORGE_AGENT_LOGS: 'raw',
    FORGE_RECONNECT_ATTEMPTS: '4',
    STORE: 'memory',
    ...settings,
  });
const watch = (attemptId: string) => service.rest.post(`/api/forge/attempts/${attemptId}/watch`);
const status = async (id: string) => (await service.rest.get(`/api/operations/${id}`)).body.status;
const ended = (id: string, as: string) => eventually(`${id} is ${as}`, async () => (await status(id)) === as);
async function events(id: string): Promise<Event[]> {
  const { body } = await service.rest.get<{ events: Event[] }>(`/api/operations/${id}/events?limit=1000`);
  return body.events;
}
/** What the log says, one short text per event. */
async function story(id: string): Promise<string[]> {
  return (await events(id)).map(({ event_type, data }) => data.message ?? data.error ?? event_type);
}

beforeEach(async () => {
  forge = await new FakeForge().start();
  service = await start();
});
afterEach(async () => {
  await service.stop();
  await forge.stop();
});

describe('Mirroring an attempt', () => {
  it('records diffs, log lines and process states, and ends with the agent', async () => {
    const attempt = new FakeAttempt(forge);
    const setup = attempt.startProcess('setupscript');
    const { status: code, body } = await watch(attempt.id);
    expect(code).toBe(201);
    expect(body).toMatchObject({
      operation_type: 'forge.attempt',
      metadata: { attempt_id: attempt.id, run: 1, target_branch: 'main' },
    });
    const id = body.operation_id as string;
    await eventually('streams are open', () => forge.openSockets === 3);
    attempt.log(setup, 'half a li');
    attempt.log(setup, 'ne\nsecond\n');
    attempt.endProcess(setup, 'completed');
    const agent = attempt.startProcess();
    await eventually('the log of the agent is open', () => forge.open(attempt.logPath(agent)).length === 1);
    attempt.log(agent, 'to stderr\n', 'STDERR');
    attempt.diff('src/a.ts', 'content\n');
    attempt.diff('src/a.ts', 'content\n');
    await eventually('the diff is recorded', async () => (await story(id)).includes('added src/a.ts'));
    attempt.endProcess(agent, 'completed');
    await ended(id, 'completed');
    const told = await story(id);
    expect(told.filter((text) => !text.startsWith('codingagent') && !text.startsWith('setupscript'))).toEqual(
      expect.arrayContaining(['half a line', 'second', 'to stderr', 'added src/a.ts']),
    );
    expect(told.filter((text) => text === 'added src/a.ts')).toHaveLength(1);
    expect(told.filter((text) => / (running|completed|with exit code 0)$/.test(text))).toEqual([
      'setupscript running',
      'setupscript completed with exit code 0',
      'codingagent running',
      'codingagent completed with exit code 0',
    ]);
    const result = (await events(id)).find(({ event_type }) => event_type === 'result')!.data.result;
    expect(result).toEqual({
      attempt_id: attempt.id,
      status: 'completed',
      exit_code: 0,
      diffs: 1,
      log_lines: 3,
      files: ['src/a.ts'],
    });
    expect(forge.openSockets).toBe(0);
  });

  it('is one operation for everyone who watches, before and after the end, also when Forge is gone', async () => {
    const attempt = new FakeAttempt(forge);
    const agent = attempt.startProcess();
    const answers = await Promise.all(Array.from({ length: 20 }, () => watch(attempt.id)));
    const ids = new Set(answers.map(({ body }) => body.operation_id as string));
    expect(ids.size).toBe(1);
    expect(answers.some(({ status: code }) => code === 201)).toBe(true);
    const [id] = ids as unknown as [string];
    await eventually('streams are open', () => forge.openSockets === 3);
    expect(forge.upgrades).toHaveLength(3);
    attempt.log(agent, 'line\n');
    attempt.endProcess(agent, 'completed');
    await ended(id, 'completed');
    expect((await watch(attempt.id)).body).toMatchObject({ operation_id: id, status: 'completed' });
    expect(forge.upgrades).toHaveLength(3);
    await forge.stop();
    expect((await watch(attempt.id)).body).toMatchObject({ operation_id: id, status: 'completed' });
    expect((await watch('another')).body).toMatchObject({ code: 'forge_unavailable' });
    expect(await story(id)).toContain('line');
  });

  it.each([
    ['failed', 3, 'ForgeAgentFailed', 'The coding agent failed with exit code 3'],
    ['killed', null, 'ForgeAgentStopped', 'The coding agent was stopped'],
  ] as const)('an agent that was %s ends it with an error that says so', async (how, code, type, message) => {
    const attempt = new FakeAttempt(forge);
    const agent = attempt.startProcess();
    const id = (await watch(attempt.id)).body.operation_id as string;
    attempt.endProcess(agent, how, code);
    await ended(id, 'error');
    expect((await events(id)).at(-1)!.data).toMatchObject({ error: message, error_type: type });
  });

  it('a follow-up is another run with an operation of its own', async () => {
    const attempt = new FakeAttempt(forge);
    const first = attempt.startProcess();
    attempt.log(first, 'first run\n');
    attempt.endProcess(first, 'completed');
    const before = (await watch(attempt.id)).body.operation_id as string;
    await ended(before, 'completed');
    const second = attempt.startProcess();
    attempt.log(second, 'second run\n');
    const { body } = await watch(attempt.id);
    expect(body).toMatchObject({ metadata: { run: 2 } });
    attempt.endProcess(second, 'completed');
    await ended(body.operation_id as string, 'completed');
    expect(await story(body.operation_id as string)).toContain('second run');
    expect(await story(body.operation_id as string)).not.toContain('first run');
  });

  it('a lost connection is resumed: the replay is not recorded again, what was missed is', async () => {
    const attempt = new FakeAttempt(forge);
    const agent = attempt.startProcess();
    const id = (await watch(attempt.id)).body.operation_id as string;
    await eventually('streams are open', () => forge.openSockets === 3);
    attempt.log(agent, 'one\ntwo\nthr');
    attempt.diff('a', '1');
    await eventually('it is recorded', async () => (await story(id)).includes('two'));
    await forge.stop();
    attempt.log(agent, 'ee\nfour\n');
    attempt.diff('b', '1');
    await forge.start();
    await eventually('the rest is recorded', async () => (await story(id)).includes('four'));
    await eventually('all streams are open again', () => forge.openSockets === 3);
    const live = (await service.rest.get('/metrics')).text;
    expect(live).toContain('opstream_forge_reconnects_total{stream="diff"} 1\n');
    expect(live).toContain('opstream_forge_reconnects_total{stream="raw-logs"} 1\n');
    expect(live).toContain('opstream_forge_sockets 3\n');
    expect(live).toContain('opstream_forge_mirrors 1\n');
    expect(live).toMatch(/opstream_forge_request_duration_seconds_count\{outcome="ok"\} [1-9]/);
    attempt.endProcess(agent, 'completed');
    await ended(id, 'completed');
    const after = (await service.rest.get('/metrics')).text;
    expect(after).toContain('opstream_forge_sockets 0\n');
    expect(after).toContain('opstream_forge_mirrors 0\n');
    const lines = (await events(id)).filter(({ data }) => data.details?.kind === 'log');
    expect(lines.map(({ data }) => data.message)).toEqual(['one', 'two', 'three', 'four']);
    expect(lines.map(({ data }) => data.details!.line)).toEqual([1, 2, 3, 4]);
    const diffs = (await events(id)).filter(({ data }) => data.details?.kind === 'diff');
    expect(diffs.map(({ data }) => data.details!.file)).toEqual(['a', 'b']);
  });

  it('goes on when Forge is back, however long it was away, in the same operation', async () => {
    const attempt = new FakeAttempt(forge);
    const agent = attempt.startProcess();
    const id = (await watch(attempt.id)).body.operation_id as string;
    await eventually('streams are open', () => forge.openSockets === 3);
    await forge.stop();
    const given = 'Forge cannot be reached any more: Failed to reconnect after 4 attempts';
    await eventually('it was given up for now', async () => (await story(id)).includes(given));
    expect((await watch(attempt.id)).body).toMatchObject({ operation_id: id, ended_at: null });
    attempt.log(agent, 'meanwhile\n');
    attempt.endProcess(agent, 'completed');
    await forge.start();
    await ended(id, 'completed');
    expect(await story(id)).toContain('meanwhile');
  });

  it('ends with the reason when Forge does not have the attempt any more', async () => {
    const attempt = new FakeAttempt(forge);
    attempt.startProcess();
    const id = (await watch(attempt.id)).body.operation_id as string;
    await eventually('streams are open', () => forge.openSockets === 3);
    await forge.stop();
    await eventually('it was given up', async () =>
      (await story(id)).some((text) => text.startsWith('Forge cannot be reached')),
    );
    forge.route('GET', new RegExp(`/api/task-attempts/${attempt.id}$`), { status: 404, body: '' });
    await forge.start();
    await ended(id, 'error');
    expect((await events(id)).at(-1)!.data).toMatchObject({
      error: expect.stringMatching(/^Forge does not have the attempt any more: /),
      error_type: 'ForgeUnavailable',
    });
  });

  it('two tenants that watch the same attempt stay apart', async () => {
    await service.stop();
    service = await start({ JWT_SECRET: SECRET });
    const attempt = new FakeAttempt(forge);
    const agent = attempt.startProcess();
    const as = async (tenant: string) => ({
      headers: { authorization: `Bearer ${await sign({ sub: 'u', tenant })}` },
    });
    const [red, blue] = [await as('red'), await as('blue')];
    const path = `/api/forge/attempts/${attempt.id}/watch`;
    const { body } = await service.rest.request('POST', path, red);
    const operation = `/api/operations/${body.operation_id as string}`;
    expect((await service.rest.request('GET', operation, blue)).status).toBe(404);
    await eventually('red has its streams', () => forge.openSockets === 3);
    expect((await service.rest.request('POST', path, blue)).status).toBe(201);
    await eventually('blue has its own', () => forge.openSockets === 6);
    await service.rest.request('POST', `${operation}/cancel`, { ...red, body: {} });
    await eventually('those of red are closed', () => forge.openSockets === 3);
    attempt.log(agent, 'for blue alone\n');
    attempt.endProcess(agent, 'completed');
    const statusFor = async (who: typeof red) =>
      (await service.rest.request('GET', operation, who)).body.status;
    await eventually('blue is completed', async () => (await statusFor(blue)) === 'completed');
    expect(await statusFor(red)).toBe('cancelled');
    const told = async (who: typeof red) =>
      (await service.rest.request('GET', `${operation}/events`, who)).text;
    expect(await told(blue)).toContain('for blue alone');
    expect(await told(red)).not.toContain('for blue alone');
  });

  it('cancelling the operation closes the streams', async () => {
    const attempt = new FakeAttempt(forge);
    attempt.startProcess();
    const id = (await watch(attempt.id)).body.operation_id as string;
    await eventually('streams are open', () => forge.openSockets === 3);
    await service.rest.post(`/api/operations/${id}/cancel`, {});
    await eventually('streams are closed', () => forge.openSockets === 0);
    expect(await status(id)).toBe('cancelled');
  });

  it('a finished diff ends the run of a merged attempt', async () => {
    const attempt = new FakeAttempt(forge);
    attempt.endProcess(attempt.startProcess(), 'completed');
    attempt.diff('a', '1');
    attempt.finishDiff();
    const id = (await watch(attempt.id)).body.operation_id as string;
    await ended(id, 'completed');
    expect(await story(id)).toContain('added a');
  });

  it('a development server does not keep a run open', async () => {
    const attempt = new FakeAttempt(forge);
    attempt.startProcess('devserver');
    attempt.endProcess(attempt.startProcess(), 'completed');
    const id = (await watch(attempt.id)).body.operation_id as string;
    await ended(id, 'completed');
  });

  it('garbage from upstream is survived', async () => {
    const attempt = new FakeAttempt(forge);
    const agent = attempt.startProcess();
    const id = (await watch(attempt.id)).body.operation_id as string;
    await eventually('streams are open', () => forge.openSockets === 3);
    let deep: unknown = 'x';
    for (let i = 0; i < 200; i++) deep = [deep];
    for (const frame of ['text', '{broken', 17, null, [], { JsonPatch: [{ op: 'add' }, 7] }]) {
      forge.send(/./, frame);
    }
    forge.send(attempt.diffPath, { file: 'deep', changes: deep }, { file: 'x'.repeat(100_000), changes: [] });
    attempt.diff('good', '1');
    await eventually('the good one is recorded', async () => (await story(id)).includes('added good'));
    attempt.endProcess(agent, 'completed');
    await ended(id, 'completed');
  });
});

describe('After a restart of the service', () => {
  it('takes up an unfinished run by itself, and records nothing twice', async () => {
    const attempt = new FakeAttempt(forge);
    const agent = attempt.startProcess();
    await service.stop();
    const directory = await mkdtemp(join(tmpdir(), 'opstream-forge-'));
    const settings = { STORE: 'sqlite', DATA_DIR: directory };
    service = await start(settings);
    const id = (await watch(attempt.id)).body.operation_id as string;
    await eventually('streams are open', () => forge.openSockets === 3);
    attempt.log(agent, 'one\n');
    attempt.diff('a', '1');
    await eventually('it is recorded', async () => (await story(id)).includes('added a'));
    await service.stop();
    attempt.log(agent, 'two\n');
    service = await start(settings);
    await eventually('it was taken up', async () => (await story(id)).includes('two'));
    attempt.endProcess(agent, 'completed');
    await ended(id, 'completed');
    const told = await story(id);
    for (const text of ['one', 'two', 'added a', 'codingagent running']) {
      expect(told.filter((one) => one === text)).toEqual([text]);
    }
    await rm(directory, { recursive: true, force: true });
  });
});

describe('Forge that is down, unknown or not configured', () => {
  it('the service starts, names Forge as degraded, answers clearly, and recovers by itself', async () => {
    await service.stop();
    await forge.stop();
    service = await start();
    expect((await service.rest.get('/health/ready')).body).toEqual({
      status: 'DEGRADED',
      degraded: ['forge'],
    });
    expect((await watch('some-attempt')).body).toMatchObject({ status: 503, code: 'forge_unavailable' });
    await forge.start();
    await eventually(
      'Forge is up',
      async () => (await service.rest.get('/health/ready')).body.status === 'UP',
    );
  });

  it('an unknown attempt is 404, an impossible id 400', async () => {
    expect((await watch('unknown')).body).toMatchObject({ status: 404, code: 'forge_not_found' });
    expect((await service.rest.get('/metrics')).text).toMatch(
      /opstream_forge_request_duration_seconds_count\{outcome="forge_not_found"\} [1-9]/,
    );
    expect((await watch('a%20b')).body).toMatchObject({ status: 400, code: 'invalid_request' });
    expect((await service.rest.get('/api/operations')).body).toMatchObject({ operations: [] });
  });

  it('without FORGE_URL there is no such route and nothing degraded', async () => {
    await service.stop();
    service = await RunningService.start({ STORE: 'memory' });
    expect((await watch('x')).status).toBe(404);
    expect((await service.rest.get('/health/ready')).body).toEqual({ status: 'UP', degraded: [] });
  });
});

describe('What an agent says', () => {
  const said = async (id: string): Promise<unknown[]> =>
    (await events(id)).flatMap(({ data }) =>
      data.details?.kind === 'log' ? [`${String(data.details.entry_type)}: ${data.message}`] : [],
    );

  it('is recorded as readable lines, each once it is complete, and once over a lost connection', async () => {
    await service.stop();
    service = await start({ FORGE_AGENT_LOGS: 'normalized' });
    const attempt = new FakeAttempt(forge);
    const agent = attempt.startProcess();
    const id = (await watch(attempt.id)).body.operation_id as string;
    const isOpen = (): boolean => forge.open(attempt.normalizedPath(agent)).length === 1;
    await eventually('it is followed', isOpen);
    expect(forge.open(attempt.logPath(agent))).toHaveLength(0);
    attempt.say(agent, 0, 'system_message', 'ready');
    attempt.say(agent, 1, 'assistant_message', 'I will');
    attempt.say(agent, 1, 'assistant_message', 'I will add a file');
    attempt.say(agent, 2, 'error_message', 'careful\n');
    await eventually('what is complete is recorded', async () => (await said(id)).length === 3);
    forge.drop(attempt.normalizedPath(agent));
    await eventually('it is followed again', isOpen);
    attempt.say(agent, 3, 'assistant_message', 'ready');
    attempt.endProcess(agent, 'completed');
    await ended(id, 'completed');
    expect(await said(id)).toEqual([
      'system_message: ready',
      'assistant_message: I will add a file',
      'error_message: careful',
      'assistant_message: ready',
    ]);
  });

  it('is recorded as it was written where Forge does not understand it', async () => {
    await service.stop();
    service = await start({ FORGE_AGENT_LOGS: 'normalized' });
    const attempt = new FakeAttempt(forge);
    const agent = attempt.startProcess();
    forge.stream(attempt.normalizedPath(agent), { status: 404, body: '' });
    const id = (await watch(attempt.id)).body.operation_id as string;
    await eventually('the raw log is open', () => forge.open(attempt.logPath(agent)).length === 1);
    attempt.log(agent, 'plain\n');
    attempt.endProcess(agent, 'completed');
    await ended(id, 'completed');
    expect(await story(id)).toContain('plain');
  });
});
