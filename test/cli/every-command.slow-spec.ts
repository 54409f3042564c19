import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RestClient } from '../../src/client/index.js';
import { CLI } from '../harness/cli-process.js';
import { eventually } from '../harness/eventually.js';
import { FakeAttempt } from '../harness/fake-attempt.js';
import { FakeForge } from '../harness/fake-forge.js';
import { FailingOutput, FAILING_OUTPUTS } from '../harness/failing-output.js';
import { freePort } from '../harness/free-port.js';
import { NEUTRAL_FOLDER, neutralEnvironment } from '../harness/own-environment.js';
import { ServiceProcess } from '../harness/service-process.js';
import { SECRET, sign } from '../harness/tokens.js';

/** How long a process that is told to end may take. */
const DEADLINE_MS = 10_000;

let forge: FakeForge;
let attempt: FakeAttempt;
let service: ServiceProcess;
let rest: RestClient;
let admin: string;
let count = 0;

beforeAll(async () => {
  forge = await new FakeForge().start();
  attempt = new FakeAttempt(forge);
  attempt.startProcess();
  service = await ServiceProcess.start({ JWT_SECRET: SECRET, FORGE_URL: forge.url });
  rest = new RestClient({ url: service.url });
  admin = await sign({ id: 'root', role: 'admin' });
});
afterAll(async () => {
  await service.stop();
  await forge.stop();
});

async function opened(ended = false): Promise<string> {
  const { operation_id: id } = await rest.createOperation('job', { operationId: `every-${++count}` });
  if (ended) await rest.record(id, [{ event_type: 'result', data: { result: 42 } }]);
  return id;
}

async function session(): Promise<string> {
  const answer = await fetch(`${service.url}/api/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ purpose: 'talk' }),
  });
  const { session_id: id } = (await answer.json()) as { session_id: string };
  await fetch(`${service.url}/api/sessions/${id}/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ content: 'hello' }),
  });
  return id;
}

type Arguments = () => string[] | Promise<string[]>;

/** Every command that answers and ends, with arguments that work. */
const ANSWERING: Record<string, Arguments> = {
  '--help': () => ['--help'],
  '--version': () => ['--version'],
  list: () => ['list'],
  'list --json': () => ['list', '--json'],
  get: async () => ['get', await opened()],
  logs: async () => ['logs', await opened(true)],
  result: async () => ['result', await opened(true)],
  emit: async () => ['emit', await opened(), 'log', 'a line'],
  cancel: async () => ['cancel', await opened()],
  delete: async () => ['delete', await opened(true)],
  stats: () => ['stats'],
  token: () => ['token'],
  'keys list': () => ['keys', 'list', '--token', admin],
  'keys create': () => ['keys', 'create', 'name', '--token', admin],
  'session create': () => ['session', 'create', 'purpose'],
  'session say': async () => ['session', 'say', await session(), 'hello'],
  'session search': async () => ['session', 'search', await session(), 'hello'],
};

/** Every command that goes on until it is told to end, or has nobody to write to. */
const FOLLOWING: Record<string, Arguments> = {
  monitor: () => ['monitor', '--after', '0'],
  'monitor --json': () => ['monitor', '--after', '0', '--json'],
  watch: async () => ['watch', await opened()],
  'forge watch': () => ['forge', 'watch', attempt.id],
  'session follow': async () => ['session', 'follow', await session()],
};

interface Running {
  readonly child: ChildProcess;
  readonly said: () => string;
}

function start(args: readonly string[], stdout: number, more: Record<string, string> = {}): Running {
  const env = {
    ...neutralEnvironment(),
    OPSTREAM_URL: service.url,
    JWT_SECRET: SECRET,
    NO_COLOR: '1',
    ...more,
  };
  const child = spawn(CLI, args, { cwd: NEUTRAL_FOLDER, env, stdio: ['ignore', stdout, 'pipe'] });
  let text = '';
  child.stderr!.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, said: () => text };
}

async function end({ child }: Running): Promise<number | string | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode;
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return code ?? signal;
}

/** Tells it to end. @returns how it did, within its deadline */
async function terminated(running: Running): Promise<number | string | null> {
  const timer = setTimeout(() => running.child.kill('SIGKILL'), DEADLINE_MS);
  running.child.kill('SIGTERM');
  const how = await end(running);
  clearTimeout(timer);
  expect(how).not.toBe('SIGKILL');
  return how;
}

const name = (args: Record<string, Arguments>) => Object.entries(args);

describe.runIf(process.platform === 'linux')('the output of every command', { timeout: 60_000 }, () => {
  it.each(name(ANSWERING))('%s: a full disk is told, a reader that has gone is not', async (_name, args) => {
    for (const kind of ['full', 'gone'] as const) {
      using output = FailingOutput.open(kind);
      const running = start(await args(), output.fd);
      expect([kind, await end(running), running.said()]).toEqual([
        kind,
        kind === 'full' ? 1 : 0,
        running.said(),
      ]);
      expect(running.said().includes('standard output cannot be written: ENOSPC')).toBe(kind === 'full');
      expect(running.said()).not.toMatch(/ {4}at /);
    }
  });

  it.each(name(ANSWERING))(
    '%s into a pipe that nobody reads ends when it is told to',
    async (_name, args) => {
      using output = FailingOutput.open('unread');
      const running = start(await args(), output.fd);
      // It has done its work, or is about to: whichever it is, it ends.
      await Promise.race([end(running), new Promise((resolve) => setTimeout(resolve, 1000))]);
      await terminated(running);
      expect(running.said()).not.toMatch(/ {4}at /);
    },
  );

  const matrix = name(FOLLOWING).flatMap(([what, args]) =>
    FAILING_OUTPUTS.map((kind) => [what, kind, args] as const),
  );

  it.each(matrix)('%s into an output that is %s', async (_name, kind, args) => {
    using output = FailingOutput.open(kind);
    const running = start(await args(), output.fd);
    if (kind === 'unread') {
      await Promise.race([end(running), new Promise((resolve) => setTimeout(resolve, 1500))]);
      expect(running.child.exitCode).toBe(null);
      expect(await terminated(running)).toBe(143);
    } else expect(await end(running)).toBe(kind === 'gone' ? 0 : 1);
    expect(running.said()).not.toMatch(/ {4}at /);
  });

  it.each(FAILING_OUTPUTS)('interactive into an output that is %s', async (kind) => {
    using output = FailingOutput.open(kind);
    const running = start(['interactive'], output.fd);
    // Its input is at its end.
    await Promise.race([end(running), new Promise((resolve) => setTimeout(resolve, 1500))]);
    await terminated(running);
    expect(running.said()).not.toMatch(/ {4}at /);
  });

  it.each(FAILING_OUTPUTS)('serve into an output that is %s serves on, and ends in order', async (kind) => {
    using output = FailingOutput.open(kind);
    const port = await freePort();
    const running = start(['serve', '--port', String(port)], output.fd, { STORE: 'memory' });
    const live = (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${port}/health/live`).then(
        ({ ok }) => ok,
        () => false,
      );
    await eventually('the service to answer', live, 30_000);
    for (let n = 0; n < 50; n += 1) await fetch(`http://127.0.0.1:${port}/api/operations/unknown`);
    expect(await live()).toBe(true);
    expect(await terminated(running)).toBe(0);
  });
});
