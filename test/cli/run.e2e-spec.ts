import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RestClient, type OperationEvent } from '../../src/client/index.js';
import { CliProcess, runCli } from '../harness/cli-process.js';
import { CuttableProxy } from '../harness/cuttable-proxy.js';
import { ServiceProcess } from '../harness/service-process.js';
import { eventually } from '../harness/eventually.js';

let service: ServiceProcess;
let rest: RestClient;
let folder: string;
let ids = 0;

beforeAll(async () => {
  service = await ServiceProcess.start();
  rest = new RestClient({ url: service.url });
  folder = mkdtempSync(join(tmpdir(), 'opstream-run-'));
});

afterAll(async () => {
  await service.stop();
  rmSync(folder, { recursive: true, force: true });
});

const newId = (): string => `run-${++ids}`;
const run = (id: string, ...command: string[]): string[] => [
  'run',
  '--url',
  service.url,
  '--operation-id',
  id,
  '--',
  ...command,
];

async function log(id: string): Promise<OperationEvent[]> {
  return (await rest.getEvents(id, 0, 1000)).events;
}

const messages = (events: readonly OperationEvent[]): string[] =>
  events.flatMap((event) =>
    event.event_type === 'log' ? [`${event.data.level} ${event.data.message}`] : [],
  );

const has = async (id: string, text: string): Promise<boolean> =>
  rest.getEvents(id, 0, 1000).then(
    ({ events }) => messages(events).some((message) => message.includes(text)),
    () => false,
  );

/** A node program as a command. */
const node = (script: string): string[] => [process.execPath, '-e', script];

describe('opstream run', { timeout: 40_000 }, () => {
  it('S1-42 mirrors the output byte for byte and records its lines', async () => {
    const id = newId();
    const script = `process.stdout.write('plain\\n\\u001b[31mred\\u001b[0m\\r\\nünï\\n\\nno end'); process.stderr.write('careful\\n')`;
    const { code, stdout, stderr } = await runCli(run(id, ...node(script)));
    expect(code).toBe(0);
    expect(stdout).toBe('plain\n\u001B[31mred\u001B[0m\r\nünï\n\nno end');
    expect(stderr).toBe(`opstream: operation ${id}\ncareful\n`);
    const recorded = messages(await log(id));
    expect(recorded.filter((message) => message.startsWith('info'))).toEqual([
      'info plain',
      'info red',
      'info ünï',
      'info no end',
    ]);
    expect(recorded).toContain('warning careful');
  });

  it('S1-40 percentages and counters become progress, also from lines that are drawn over', async () => {
    const id = newId();
    const script = `const wait = () => new Promise((r) => setTimeout(r, 130));
      (async () => { for (const p of ['10%', '50%']) { process.stdout.write('\\rloading ' + p); await wait(); }
      process.stdout.write('\\rloading 100%\\n'); await wait(); console.log('[3/4] packing'); await wait(); })()`;
    await runCli(run(id, ...node(script)));
    const events = await log(id);
    expect(events.flatMap((event) => (event.event_type === 'progress' ? [event.data.progress] : []))).toEqual(
      [0.1, 0.5, 1, 0.75],
    );
    expect(messages(events)).toEqual(['info loading 100%', 'info [3/4] packing']);
  });

  it('--no-progress takes the output for what it is', async () => {
    const id = newId();
    const command = [
      'run',
      '--no-progress',
      '--url',
      service.url,
      '--operation-id',
      id,
      '--',
      'echo',
      '3/4 cups',
    ];
    await runCli(command);
    expect((await log(id)).map((event) => event.event_type)).toEqual([
      'status',
      'log',
      'result',
      'completed',
    ]);
  });

  it('S1-43 S1-44 the exit code becomes result or error, and is passed on', async () => {
    const good = newId();
    expect((await runCli(run(good, 'true'))).code).toBe(0);
    expect(await rest.getOperation(good)).toMatchObject({
      operation_type: 'run/true',
      status: 'completed',
      result: { exit_code: 0 },
      metadata: { command: ['true'] },
    });
    const bad = newId();
    expect((await runCli(run(bad, ...node('process.exit(7)')))).code).toBe(7);
    expect(await rest.getOperation(bad)).toMatchObject({ status: 'error', error_type: 'ExitCode' });
    const killed = newId();
    expect((await runCli(run(killed, ...node("process.kill(process.pid, 'SIGKILL')")))).code).toBe(137);
    expect(await rest.getOperation(killed)).toMatchObject({ status: 'error', error_type: 'Signal' });
    const missing = newId();
    expect((await runCli(run(missing, 'no-such-program-here'))).code).toBe(127);
    expect(await rest.getOperation(missing)).toMatchObject({ status: 'error', error_type: 'NotStarted' });
    const notExecutable = newId();
    expect((await runCli(run(notExecutable, folder))).code).toBe(126);
  });

  it('standard input reaches the program', async () => {
    const id = newId();
    const cli = new CliProcess(run(id, 'cat'));
    cli.type('hello\n');
    cli.endInput();
    expect(await cli.exit).toBe(0);
    expect(cli.stdout).toBe('hello\n');
  });

  it('an interruption reaches the program, which may tidy up, and cancels the operation', async () => {
    const id = newId();
    const script = `process.on('SIGINT', () => { console.log('tidying up'); process.exit(0); });
      console.log('ready'); setInterval(() => {}, 1000)`;
    const cli = new CliProcess(run(id, ...node(script)));
    await cli.shows('ready');
    cli.signal('SIGINT');
    expect(await cli.exit).toBe(0);
    const events = await log(id);
    expect(messages(events)).toEqual(['info ready', 'info tidying up']);
    expect(events.at(-1)).toMatchObject({ event_type: 'cancelled', data: { reason: 'Stopped by SIGINT' } });
  });

  it('SIGTERM ends all that the program started', async () => {
    const id = newId();
    const cli = new CliProcess(run(id, 'sh', '-c', 'sleep 1000 & echo child $!; wait; sleep 1000'));
    await cli.shows(/child \d+/);
    const grandchild = Number(/child (\d+)/.exec(cli.stdout)![1]);
    cli.signal('SIGTERM');
    expect(await cli.exit).toBe(143);
    await eventually('the grandchild to end', () => !isAlive(grandchild));
    expect(await rest.getOperation(id)).toMatchObject({ status: 'cancelled' });
  });

  it('a cancelled operation stops the program, at last without asking', async () => {
    const id = newId();
    const script = `process.on('SIGTERM', () => console.log('not yet')); console.log('ready'); setInterval(() => {}, 1000)`;
    const cli = new CliProcess([
      'run',
      '--kill-after',
      '1',
      '--url',
      service.url,
      '--operation-id',
      id,
      '--',
      ...node(script),
    ]);
    await cli.shows('ready');
    const { code } = await runCli(['cancel', id, '--reason', 'too long', '--url', service.url]);
    expect(code).toBe(0);
    expect(await cli.exit).toBe(137);
    expect(cli.stdout).toContain('not yet');
    expect(cli.stderr).toContain('the operation was cancelled: too long');
    expect((await log(id)).at(-1)).toMatchObject({ event_type: 'cancelled' });
  });

  it('S1-61 without a service the program runs as ever', async () => {
    const id = newId();
    const proxy = await CuttableProxy.inFrontOf(service.port);
    await proxy.close();
    const url = 'http://127.0.0.1:9';
    const command = [
      'run',
      '--url',
      url,
      '--operation-id',
      id,
      '--',
      ...node("console.log('done'); process.exit(5)"),
    ];
    const { code, stdout, stderr } = await runCli(command);
    expect(code).toBe(5);
    expect(stdout).toBe('done\n');
    expect(stderr).toContain(`Cannot reach ${url}`);
    expect(stderr).toContain('not recorded to the end');
    const quiet = await runCli(['run', '--quiet', '--url', url, '--', 'true']);
    expect(quiet).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('what happens while the service is away is recorded once it is back', async () => {
    const id = newId();
    const gate = join(folder, 'go');
    const script = `let n = 0; const { existsSync } = require('fs');
      const timer = setInterval(() => { console.log('line ' + ++n);
        if (n >= 20 && existsSync(${JSON.stringify(gate)})) { clearInterval(timer); console.log('last of ' + n); } }, 20)`;
    const cli = new CliProcess(run(id, ...node(script)));
    await eventually('the first lines', () => has(id, 'line 3'), 20_000);
    await service.kill();
    await cli.shows('Cannot reach', 'stderr');
    await service.restart();
    await runCli(run(newId(), 'touch', gate));
    expect(await cli.exit).toBe(0);
    const recorded = messages(await log(id));
    expect(recorded.map((message) => `${message.slice(5)}\n`).join('')).toBe(cli.stdout);
    expect(await rest.getOperation(id)).toMatchObject({ status: 'completed' });
  });

  it('more output than the service takes at once slows the program down, and nothing is lost', async () => {
    const id = newId();
    const lines = 20_000;
    const script = `for (let i = 1; i <= ${lines}; i++) console.log('line ' + i)`;
    const { code, stdout } = await runCli(run(id, ...node(script)));
    expect(code).toBe(0);
    expect(stdout.split('\n')).toHaveLength(lines + 1);
    const snapshot = await rest.getOperation(id);
    expect(snapshot).toMatchObject({ status: 'completed', event_count: lines + 3 });
    const { events } = await rest.getEvents(id, lines, 1000);
    expect(messages(events).at(-1)).toBe(`info line ${lines}`);
  });

  it('an endless line is cut into events', async () => {
    const id = newId();
    await runCli(run(id, ...node("process.stdout.write('x'.repeat(100_000))")));
    const recorded = messages(await log(id));
    expect(recorded.length).toBeGreaterThan(1);
    expect(recorded.map((message) => message.slice(5)).join('')).toBe('x'.repeat(100_000));
  });

  it('a reader of the output that leaves early ends the program, as in any pipe', async () => {
    const id = newId();
    const [, ...args] = run(id, ...node("setInterval(() => console.log('y'), 1)"));
    const shell = new CliProcess([
      'run',
      '--url',
      service.url,
      '--',
      'sh',
      '-c',
      `"$@" | head -1`,
      'sh',
      ...cliCommand(args),
    ]);
    expect(await shell.exit).toBe(0);
    await eventually('the end', async () => (await rest.getOperation(id)).status !== 'running', 20_000);
  });

  it('tells the program which operation it is', async () => {
    const id = newId();
    const { stdout } = await runCli(run(id, ...node('console.log(process.env.OPSTREAM_OPERATION_ID)')));
    expect(stdout).toBe(`${id}\n`);
  });

  it('is refused an id that another operation has, and the program runs on', async () => {
    const id = newId();
    await rest.createOperation('other', { operationId: id });
    const { code, stderr } = await runCli(run(id, 'true'));
    expect(code).toBe(0);
    expect(stderr).toContain('not recorded');
  });
});

function cliCommand(args: readonly string[]): string[] {
  return [process.execPath, new URL('../../dist/cli/main.js', import.meta.url).pathname, 'run', ...args];
}

/** Also false for a process that has ended and was not yet collected by its parent. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
