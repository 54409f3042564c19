import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliProcess, runCli } from '../harness/cli-process.js';
import { eventually } from '../harness/eventually.js';
import { messages, RecordedRuns } from '../harness/recorded-runs.js';

let runs: RecordedRuns;
beforeAll(async () => (runs = await RecordedRuns.start()));
afterAll(() => runs.stop());

/** A node program as a command. */
const node = (script: string): string[] => [process.execPath, '-e', script];

describe('opstream run', { timeout: 40_000 }, () => {
  it('S1-42 mirrors the output byte for byte and records its lines', async () => {
    const id = runs.newId();
    const script = `process.stdout.write('plain\\n\\u001b[31mred\\u001b[0m\\r\\nünï\\n\\nno end'); process.stderr.write('careful\\n')`;
    const { code, stdout, stderr } = await runCli(runs.run(id, ...node(script)));
    expect(code).toBe(0);
    expect(stdout).toBe('plain\n\u001B[31mred\u001B[0m\r\nünï\n\nno end');
    expect(stderr).toBe(`opstream: operation ${id}\ncareful\n`);
    const recorded = messages(await runs.log(id));
    expect(recorded.filter((message) => message.startsWith('info'))).toEqual([
      'info plain',
      'info red',
      'info ünï',
      'info no end',
    ]);
    expect(recorded).toContain('warning careful');
    // The colours, and those alone, are beside the plain message.
    const details = (await runs.log(id)).flatMap((event) =>
      event.event_type === 'log' && event.data.message === 'red' ? [event.data.details] : [],
    );
    expect(details).toEqual([{ stream: 'stdout', ansi: '\u001B[31mred\u001B[0m' }]);
  });

  it('S1-40 percentages and counters become progress, also from lines that are drawn over', async () => {
    const id = runs.newId();
    const outputs = ['\\rloading 10%\\r ', '\\rloading 50%\\r ', '\\rloading 100%\\n', '[3/4] packing\\n'];
    const script = `const outputs = ['${outputs.join("', '")}'];
      process.stdin.on('data', () => { process.stdout.write(outputs.shift()); if (!outputs.length) process.stdin.destroy() })`;
    const cli = new CliProcess(runs.run(id, ...node(script)));
    const progress = async (): Promise<number[]> =>
      (await runs.log(id)).flatMap((event) => (event.event_type === 'progress' ? [event.data.progress] : []));
    await eventually('the operation', () => runs.rest.getOperation(id).then(Boolean, () => false));
    for (const wanted of [[0.1], [0.1, 0.5], [0.1, 0.5, 1]]) {
      cli.type('next\n');
      await eventually(`progress ${wanted.join()}`, async () => (await progress()).join() === wanted.join());
    }
    cli.type('last\n');
    await cli.exit;
    expect(await progress()).toEqual([0.1, 0.5, 1, 0.75]);
    expect(messages(await runs.log(id))).toEqual(['info loading 100%', 'info [3/4] packing']);
  });

  it('--no-progress takes the output for what it is', async () => {
    const id = runs.newId();
    const command = [
      'run',
      '--no-progress',
      '--url',
      runs.service.url,
      '--operation-id',
      id,
      '--',
      'echo',
      '3/4 cups',
    ];
    await runCli(command);
    expect((await runs.log(id)).map((event) => event.event_type)).toEqual([
      'status',
      'log',
      'result',
      'completed',
    ]);
  });

  it('S1-43 S1-44 the exit code becomes result or error, and is passed on', async () => {
    const good = runs.newId();
    expect((await runCli(runs.run(good, 'true'))).code).toBe(0);
    expect(await runs.rest.getOperation(good)).toMatchObject({
      operation_type: 'run/true',
      status: 'completed',
      result: { exit_code: 0 },
      metadata: { command: ['true'] },
    });
    const bad = runs.newId();
    expect((await runCli(runs.run(bad, ...node('process.exit(7)')))).code).toBe(7);
    expect(await runs.rest.getOperation(bad)).toMatchObject({ status: 'error', error_type: 'ExitCode' });
    const killed = runs.newId();
    expect((await runCli(runs.run(killed, ...node("process.kill(process.pid, 'SIGKILL')")))).code).toBe(137);
    expect(await runs.rest.getOperation(killed)).toMatchObject({ status: 'error', error_type: 'Signal' });
    const missing = runs.newId();
    expect(await runCli(runs.run(missing, 'no-such-program-here'))).toMatchObject({
      code: 127,
      stderr: expect.stringContaining('opstream: There is no program no-such-program-here\n'),
    });
    expect(await runs.rest.getOperation(missing)).toMatchObject({
      status: 'error',
      error_type: 'NotStarted',
    });
    const notExecutable = runs.newId();
    expect((await runCli(runs.run(notExecutable, runs.folder))).code).toBe(126);
  });

  it('says that nothing is recorded under the id of a run that has ended', async () => {
    const id = runs.newId();
    expect((await runCli(runs.run(id, 'echo', 'hello'))).stderr).not.toContain('not recorded');
    const again = await runCli(runs.run(id, 'echo', 'hello'));
    expect(again).toMatchObject({ code: 0, stdout: 'hello\n' });
    expect(again.stderr).toMatch(/^opstream: not recorded: Operation .* has ended \(completed\)/m);
  });

  it('standard input reaches the program', async () => {
    const id = runs.newId();
    const cli = new CliProcess(runs.run(id, 'cat'));
    cli.type('hello\n');
    cli.endInput();
    expect(await cli.exit).toBe(0);
    expect(cli.stdout).toBe('hello\n');
  });

  it('an interruption reaches the program, which may tidy up, and cancels the operation', async () => {
    const id = runs.newId();
    const script = `process.on('SIGINT', () => { console.log('tidying up'); process.exit(0); });
      console.log('ready'); setInterval(() => {}, 1000)`;
    const cli = new CliProcess(runs.run(id, ...node(script)));
    await cli.shows('ready');
    cli.signal('SIGINT');
    expect(await cli.exit).toBe(0);
    const events = await runs.log(id);
    expect(messages(events)).toEqual(['info ready', 'info tidying up']);
    expect(events.at(-1)).toMatchObject({ event_type: 'cancelled', data: { reason: 'Stopped by SIGINT' } });
  });

  it('a cancelled operation stops the program, at last without asking', async () => {
    const id = runs.newId();
    const script = `process.on('SIGTERM', () => console.log('not yet')); console.log('ready'); setInterval(() => {}, 1000)`;
    const cli = new CliProcess([
      'run',
      '--kill-after',
      '1',
      '--url',
      runs.service.url,
      '--operation-id',
      id,
      '--',
      ...node(script),
    ]);
    await cli.shows('ready');
    const { code } = await runCli(['cancel', id, '--reason', 'too long', '--url', runs.service.url]);
    expect(code).toBe(0);
    expect(await cli.exit).toBe(137);
    expect(cli.stdout).toContain('not yet');
    expect(cli.stderr).toContain('the operation was cancelled: too long');
    expect((await runs.log(id)).at(-1)).toMatchObject({ event_type: 'cancelled' });
  });

  it('S1-61 without a service the program runs as ever', async () => {
    const id = runs.newId();
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

  it('tells the program which operation it is', async () => {
    const id = runs.newId();
    const { stdout } = await runCli(runs.run(id, ...node('console.log(process.env.OPSTREAM_OPERATION_ID)')));
    expect(stdout).toBe(`${id}\n`);
  });

  it('is refused an id that another operation has, and the program runs on', async () => {
    const id = runs.newId();
    await runs.rest.createOperation('other', { operationId: id });
    const { code, stderr } = await runCli(runs.run(id, 'true'));
    expect(code).toBe(0);
    expect(stderr).toContain('not recorded');
  });
});
