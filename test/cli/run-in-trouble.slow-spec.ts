import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliProcess, runCli } from '../harness/cli-process.js';
import { messages, RecordedRuns } from '../harness/recorded-runs.js';
import { eventually } from '../harness/eventually.js';

let runs: RecordedRuns;
beforeAll(async () => (runs = await RecordedRuns.start()));
afterAll(() => runs.stop());

/** A node program as a command. */
const node = (script: string): string[] => [process.execPath, '-e', script];

describe('opstream run in trouble', { timeout: 60_000 }, () => {
  it('SIGTERM ends all that the program started', async () => {
    const id = runs.newId();
    const cli = new CliProcess(runs.run(id, 'sh', '-c', 'sleep 1000 & echo child $!; wait; sleep 1000'));
    await cli.shows(/child \d+/);
    const grandchild = Number(/child (\d+)/.exec(cli.stdout)![1]);
    cli.signal('SIGTERM');
    expect(await cli.exit).toBe(143);
    await eventually('the grandchild to end', () => !isAlive(grandchild));
    expect(await runs.rest.getOperation(id)).toMatchObject({ status: 'cancelled' });
  });

  it('what happens while the service is away is recorded once it is back', async () => {
    const id = runs.newId();
    const gate = join(runs.folder, 'go');
    const script = `let n = 0; const { existsSync } = require('fs');
      const timer = setInterval(() => { console.log('line ' + ++n);
        if (n >= 20 && existsSync(${JSON.stringify(gate)})) { clearInterval(timer); console.log('last of ' + n); } }, 20)`;
    const cli = new CliProcess(runs.run(id, ...node(script)));
    await eventually('the first lines', () => runs.has(id, 'line 3'), 20_000);
    await runs.service.kill();
    await cli.shows('Cannot reach', 'stderr');
    await runs.service.restart();
    await runCli(runs.run(runs.newId(), 'touch', gate));
    expect(await cli.exit).toBe(0);
    const recorded = messages(await runs.log(id));
    expect(recorded.map((message) => `${message.slice(5)}\n`).join('')).toBe(cli.stdout);
    expect(await runs.rest.getOperation(id)).toMatchObject({ status: 'completed' });
  });

  it('more output than the service takes at once slows the program down, and nothing is lost', async () => {
    const id = runs.newId();
    const lines = 20_000;
    const script = `for (let i = 1; i <= ${lines}; i++) console.log('line ' + i)`;
    const { code, stdout } = await runCli(runs.run(id, ...node(script)));
    expect(code).toBe(0);
    expect(stdout.split('\n')).toHaveLength(lines + 1);
    const snapshot = await runs.rest.getOperation(id);
    expect(snapshot).toMatchObject({ status: 'completed', event_count: lines + 3 });
    const { events } = await runs.rest.getEvents(id, lines, 1000);
    expect(messages(events).at(-1)).toBe(`info line ${lines}`);
  });

  it('an endless line is cut into events', async () => {
    const id = runs.newId();
    await runCli(runs.run(id, ...node("process.stdout.write('x'.repeat(100_000))")));
    const recorded = messages(await runs.log(id));
    expect(recorded.length).toBeGreaterThan(1);
    expect(recorded.map((message) => message.slice(5)).join('')).toBe('x'.repeat(100_000));
  });

  it('a reader of the output that leaves early ends the program, as in any pipe', async () => {
    const id = runs.newId();
    const [, ...args] = runs.run(id, ...node("setInterval(() => console.log('y'), 1)"));
    const shell = new CliProcess([
      'run',
      '--url',
      runs.service.url,
      '--',
      'sh',
      '-c',
      `"$@" | head -1`,
      'sh',
      ...cliCommand(args),
    ]);
    expect(await shell.exit).toBe(0);
    await eventually('the end', async () => (await runs.rest.getOperation(id)).status !== 'running', 20_000);
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
