import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RestClient } from '../../src/client/index.js';
import { ServiceProcess } from '../harness/service-process.js';
import { Terminal } from '../harness/terminal.js';
import { eventually } from '../harness/eventually.js';

let service: ServiceProcess;
let rest: RestClient;

beforeAll(async () => {
  service = await ServiceProcess.start();
  rest = new RestClient({ url: service.url });
});

afterAll(() => service.stop());

const terminals: Terminal[] = [];

afterEach(() => {
  for (const terminal of terminals.splice(0)) terminal.kill();
});

function openTerminal(args: readonly string[], size?: { rows: number; columns: number }): Terminal {
  const terminal = new Terminal(args, size);
  terminals.push(terminal);
  return terminal;
}

const at = (...args: string[]): string[] => [...args, '--url', service.url];

async function open(operationId: string): Promise<void> {
  await rest.createOperation('job', { operationId });
}

const progress = (operationId: string, value: number, message: string): Promise<unknown> =>
  rest.record(operationId, [{ event_type: 'progress', data: { progress: value, message } }]);

const bars = (text: string): string[] => text.split('\n').filter((line) => /^[█░]{24} /.test(line));

describe('the command on a terminal', { timeout: 60_000 }, () => {
  it('S1-03 S1-30 watch draws one bar in place, lines above it, and tidies up at the end', async () => {
    await open('drawn');
    const terminal = openTerminal(at('watch', 'drawn'));
    await terminal.shows(/░{24} +0% drawn job 0?\d+s/);
    expect(terminal.screen.cursorVisible).toBe(false);
    for (let percent = 10; percent <= 50; percent += 10)
      await progress('drawn', percent / 100, `at ${percent}`);
    await terminal.shows(/█{12}░{12} +50% drawn job \d+s at 50/);
    await rest.record('drawn', [{ event_type: 'log', data: { level: 'info', message: 'a line above' } }]);
    await terminal.shows('a line above');
    expect(bars(terminal.screen.text)).toHaveLength(1);
    expect(terminal.screen.lines.at(-1)).toMatch(/^█/);
    await rest.record('drawn', [{ event_type: 'result', data: { result: 1 } }]);
    expect(await terminal.exit).toBe(0);
    expect(terminal.screen.text.replaceAll(/\d\d:\d\d:\d\d/g, 'TIME').replace(/in \d+\.\d\ds/, 'in Ns')).toBe(
      'TIME  started job\nTIME  a line above\nTIME  result 1\nTIME  ✓ completed in Ns\n',
    );
    expect(terminal.screen.cursorVisible).toBe(true);
  });

  it('S1-31 monitor draws a bar for each operation, also those that ran before, no wider than the terminal', async () => {
    await open('before');
    await progress('before', 0.25, 'x'.repeat(200));
    const terminal = openTerminal(at('monitor'), { rows: 24, columns: 60 });
    await terminal.shows(/25% before job/);
    await open('after');
    await progress('after', 0.75, 'nearly');
    await terminal.shows(/75% after job \d+s nearly/);
    expect(bars(terminal.screen.text)).toHaveLength(2);
    for (const line of terminal.screen.lines) expect(line.length).toBeLessThan(60);
    await rest.cancelOperation('before');
    await terminal.shows('■ cancelled');
    await eventually('the bar to go', () => bars(terminal.screen.text).length === 1);
    terminal.type('\u0003');
    expect(await terminal.exit).toBe(130);
    expect(bars(terminal.screen.text)).toEqual([]);
    expect(terminal.screen.cursorVisible).toBe(true);
    await rest.cancelOperation('after');
  });

  it('more operations than rows keep to the screen', async () => {
    const ids = Array.from({ length: 30 }, (_, index) => `many-${index}`);
    for (const id of ids) await open(id);
    const terminal = openTerminal(at('monitor'), { rows: 10, columns: 80 });
    await terminal.shows('many-29 job');
    await progress('many-29', 0.5, 'still drawn');
    await terminal.shows('still drawn');
    expect(bars(terminal.screen.text).length).toBeLessThanOrEqual(9);
    terminal.type('\u0003');
    await terminal.exit;
    for (const id of ids) await rest.cancelOperation(id);
  });

  it('Ctrl-C during run reaches the program once and cancels the operation', async () => {
    const script = `let n = 0; process.on('SIGINT', () => { console.log('interrupted ' + ++n); setTimeout(() => process.exit(3), 300) });
      process.stdin.resume(); console.log('ready ' + process.stdin.isTTY)`;
    const terminal = openTerminal([
      'run',
      '--url',
      service.url,
      '--operation-id',
      'keys',
      '--',
      process.execPath,
      '-e',
      script,
    ]);
    await terminal.shows('ready true');
    terminal.type('\u0003');
    expect(await terminal.exit).toBe(3);
    expect(terminal.screen.text).toContain('interrupted 1');
    expect(terminal.screen.text).not.toContain('interrupted 2');
    expect(await rest.getOperation('keys')).toMatchObject({ status: 'cancelled' });
  });

  it('S1-33 interactive prompts, prints events above what is being typed, and leaves on Ctrl-C', async () => {
    await open('spoken');
    const terminal = openTerminal(at('interactive'));
    await terminal.shows(/opstream>$/);
    terminal.type('watch spoken\r');
    await terminal.shows('started job');
    terminal.type('half a comm');
    await terminal.shows('half a comm');
    await progress('spoken', 0.5, 'while typing');
    await terminal.shows(/50% while typing\nopstream> half a comm$/);
    terminal.type('\u0015stats\r');
    await terminal.shows('total operations');
    terminal.type('\u0003');
    expect(await terminal.exit).toBe(0);
    await rest.cancelOperation('spoken');
  });
});

describe('a program under run on a terminal', { timeout: 60_000 }, () => {
  const run = (id: string, ...command: string[]): string[] =>
    at('run', '--quiet', '--operation-id', id).concat('--', ...command);

  it('sees a terminal of the same size, and passes on its exit code', async () => {
    const script = '[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && stty size && tty && exit 4';
    const terminal = openTerminal(run('sees', 'sh', '-c', script), { rows: 30, columns: 90 });
    expect(await terminal.exit).toBe(4);
    expect(terminal.screen.text).toMatch(/^30 90\n\/dev\/pts\/\d+\n$/);
    const { events } = await rest.getEvents('sees');
    const logged = events.flatMap((event) => (event.event_type === 'log' ? [event.data.message] : []));
    expect(logged[0]).toBe('30 90');
    expect(events.at(-1)).toMatchObject({ event_type: 'error', data: { details: { exit_code: 4 } } });
  });

  it('without one of its own when it is told so', async () => {
    const args = at('run', '--quiet', '--no-tty', '--', 'sh', '-c', '[ -t 1 ] || echo pipe');
    const terminal = openTerminal(args);
    expect(await terminal.exit).toBe(0);
    expect(terminal.screen.text).toBe('pipe\n');
  });

  it('is stopped with all it started when the operation is cancelled', async () => {
    const terminal = openTerminal(run('stopped-here', 'sh', '-c', 'sleep 60 & echo ready; wait'));
    await terminal.shows('ready');
    await eventually('the operation', () => rest.getOperation('stopped-here').then(Boolean, () => false));
    await rest.cancelOperation('stopped-here');
    expect(await terminal.exit).toBe(143);
  });
});
