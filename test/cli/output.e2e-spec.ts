import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI } from '../harness/cli-process.js';
import { eventually } from '../harness/eventually.js';
import { FailingOutput, FAILING_OUTPUTS, type FailingOutputKind } from '../harness/failing-output.js';
import { neutralEnvironment } from '../harness/own-environment.js';
import { RecordedRuns } from '../harness/recorded-runs.js';

let runs: RecordedRuns;
let logging: NodeJS.Timeout;

beforeAll(async () => {
  runs = await RecordedRuns.start();
  await runs.rest.createOperation('job', { operationId: 'busy' });
  const data = { level: 'info', message: 'x'.repeat(1000) };
  const lines = Array.from({ length: 20 }, () => ({ event_type: 'log', data }) as const);
  logging = setInterval(() => {
    runs.rest.record('busy', lines).catch(() => {});
  }, 50);
});

afterAll(async () => {
  clearInterval(logging);
  await runs.stop();
});

interface Running {
  readonly child: ChildProcess;
  readonly stderr: () => string;
}

function start(args: readonly string[], stdout: number | 'pipe'): Running {
  const env = { ...neutralEnvironment(), OPSTREAM_URL: runs.service.url, NO_COLOR: '1' };
  const child = spawn(CLI, args, { env, stdio: ['ignore', stdout, 'pipe'] });
  let stderr = '';
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return { child, stderr: () => stderr };
}

async function codeOf({ child }: Running): Promise<unknown> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode;
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return code ?? signal;
}

const FOLLOWING = [['monitor'], ['monitor', '--json'], ['watch', 'busy'], ['watch', 'busy', '--json']];

describe.runIf(process.platform === 'linux')('the output of a command fails', { timeout: 30_000 }, () => {
  const matrix = FOLLOWING.flatMap((args) =>
    FAILING_OUTPUTS.map((kind) => [args.join(' '), kind, args] as const),
  );

  it.each(matrix)('%s into an output that is %s', async (_name, kind, args) => {
    using output = FailingOutput.open(kind);
    const running = start(args, output.fd);
    if (kind === 'unread') {
      // It waits, as every program in a pipe does, and can be told to end.
      await eventually('it to follow', async () => (await runs.rest.getStats()).subscriptions > 0);
      expect(running.child.exitCode).toBe(null);
      running.child.kill('SIGINT');
      expect(await codeOf(running)).toBe(130);
    } else {
      expect(await codeOf(running)).toBe(kind === 'gone' ? 0 : 1);
    }
    expect(running.stderr()).not.toMatch(/ {4}at /);
    if (kind === 'full') expect(running.stderr()).toContain('standard output cannot be written: ENOSPC');
  });

  it.each([
    ['list', ['list']],
    ['stats', ['stats']],
    ['get', ['get', 'busy']],
    ['logs', ['logs', 'busy']],
  ])('%s tells of a full disk, and nothing of a reader that has gone', async (_name, args) => {
    for (const kind of ['full', 'gone'] as const) {
      using output = FailingOutput.open(kind);
      const running = start(args, output.fd);
      expect(await codeOf(running)).toBe(kind === 'full' ? 1 : 0);
      expect(running.stderr().includes('ENOSPC')).toBe(kind === 'full');
      expect(running.stderr()).not.toMatch(/ {4}at /);
    }
  });

  it('a follower ends when its reader leaves, also when nothing happens', async () => {
    await runs.rest.createOperation('job', { operationId: 'silent' });
    const child = spawn('sh', ['-c', `{ ${CLI} watch silent; echo "$?" >&2; } | head -n 1`], {
      env: { ...neutralEnvironment(), OPSTREAM_URL: runs.service.url },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let code = '';
    child.stderr.on('data', (chunk: Buffer) => (code += chunk.toString()));
    await once(child, 'exit');
    expect(code).toBe('0\n');
  });

  const script = 'for n in 1 2 3; do echo "line $n"; sleep 0.1; done; exit 3';

  it.each(['full', 'unread'] satisfies FailingOutputKind[])(
    'run into an output that is %s: recorded, with the exit code of the program',
    async (kind) => {
      const id = runs.newId();
      using output = FailingOutput.open(kind);
      const program = kind === 'unread' ? 'for n in 1 2 3; do echo "line $n"; done; sleep 60' : script;
      const running = start(['run', '--quiet', '--operation-id', id, '--', 'sh', '-c', program], output.fd);
      if (kind === 'unread') {
        const lines = (): Promise<boolean> =>
          runs.log(id).then(
            (events) => events.length >= 3,
            () => false,
          );
        await eventually('the first lines', lines);
        running.child.kill('SIGTERM');
        expect(await codeOf(running)).toBe(143);
        expect(await runs.rest.getOperation(id)).toMatchObject({ status: 'cancelled' });
        return;
      }
      expect(await codeOf(running)).toBe(3);
      expect(running.stderr()).toBe('');
      expect(await runs.rest.getOperation(id)).toMatchObject({
        status: 'error',
        error: expect.stringContaining('code 3'),
      });
    },
  );

  it('run into an output that is gone: the program learns it as it would without', async () => {
    const id = runs.newId();
    using output = FailingOutput.open('gone');
    const running = start(['run', '--quiet', '--operation-id', id, '--', 'yes'], output.fd);
    expect(await codeOf(running)).toBe(141);
    expect(running.stderr()).toBe('');
    expect(await runs.rest.getOperation(id)).toMatchObject({ status: 'error', error_type: 'Signal' });
  });
});
