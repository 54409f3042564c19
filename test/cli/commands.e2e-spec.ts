import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RestClient } from '../../src/client/index.js';
import { CliProcess, runCli } from '../harness/cli-process.js';
import { CuttableProxy } from '../harness/cuttable-proxy.js';
import { ServiceProcess } from '../harness/service-process.js';
import { eventually } from '../harness/eventually.js';

let service: ServiceProcess;
let rest: RestClient;

beforeAll(async () => {
  service = await ServiceProcess.start();
  rest = new RestClient({ url: service.url });
});

afterAll(() => service.stop());

const at = (...args: string[]): string[] => [...args, '--url', service.url];

async function finishedJob(operationId: string): Promise<void> {
  await rest.createOperation('job', { operationId });
  await rest.record(operationId, [
    { event_type: 'progress', data: { progress: 0.5, message: 'half' } },
    { event_type: 'log', data: { level: 'error', message: 'odd\u001B]0;title\u0007 \u001B[2Jthing' } },
    { event_type: 'result', data: { result: { ok: true } } },
  ]);
}

describe('the opstream command', { timeout: 40_000 }, () => {
  it('S1-30 S1-34 watch shows an operation from its beginning as plain lines in a pipe', async () => {
    await finishedJob('watched');
    const { code, stdout, stderr } = await runCli(at('watch', 'watched'));
    expect(stdout.replaceAll(/^\d\d:\d\d:\d\d/gm, 'TIME')).toMatch(
      /^TIME {2}started job\nTIME {3}50% half\nTIME {2}error odd thing\nTIME {2}result \{"ok":true\}\nTIME {2}✓ completed in \d+\.\d\ds\n$/,
    );
    expect(stdout).not.toContain('\u001B');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('watch --json gives the events as they are, from any seq', async () => {
    await finishedJob('json');
    const cli = new CliProcess(at('watch', 'json', '--json', '--after-seq', '2'));
    expect(await cli.exit).toBe(0);
    expect(cli.json).toEqual((await rest.getEvents('json', 2)).events);
  });

  it('the exit code of watch tells how the operation ended', async () => {
    await rest.createOperation('job', { operationId: 'failing' });
    await rest.record('failing', [{ event_type: 'error', data: { error: 'broken' } }]);
    expect((await runCli(at('watch', 'failing'))).code).toBe(1);
    expect((await runCli(at('watch', 'failing', '--after-seq', '2'))).code).toBe(1);
    await rest.createOperation('job', { operationId: 'stopped' });
    await rest.cancelOperation('stopped');
    expect((await runCli(at('watch', 'stopped'))).code).toBe(5);
    expect(await runCli(at('watch', 'unknown'))).toEqual({
      code: 4,
      stdout: '',
      stderr: 'opstream: There is no operation unknown\n',
    });
  });

  it('watch goes on through a lost connection and says so', async () => {
    const proxy = await CuttableProxy.inFrontOf(service.port);
    await rest.createOperation('job', { operationId: 'cut' });
    const cli = new CliProcess(['watch', 'cut', '--json', '--url', proxy.url]);
    await cli.shows('"started"');
    proxy.cut();
    await cli.shows('Connection lost', 'stderr');
    await rest.cancelOperation('cut');
    expect(await cli.exit).toBe(5);
    expect(cli.json).toEqual((await rest.getEvents('cut')).events);
    expect(cli.stderr).toContain('Connected again');
    await proxy.close();
  });

  it('Ctrl-C ends watch with 130 and leaves the operation alone, also when the service is silent', async () => {
    const proxy = await CuttableProxy.inFrontOf(service.port);
    await rest.createOperation('job', { operationId: 'left' });
    const cli = new CliProcess(['watch', 'left', '--url', proxy.url]);
    await cli.shows('started');
    proxy.fallSilent();
    const before = performance.now();
    cli.signal('SIGINT');
    expect(await cli.exit).toBe(130);
    expect(performance.now() - before).toBeLessThan(8000);
    expect((await rest.getOperation('left')).status).toBe('running');
    await proxy.close();
  });

  it('S1-31 monitor follows all operations from now on, or from a position', async () => {
    const before = new CliProcess(at('monitor'));
    const json = new CliProcess(at('monitor', '--json'));
    await eventually('the monitors', async () => (await rest.getStats()).subscriptions >= 2);
    await finishedJob('monitored');
    await before.shows('✓ completed');
    expect(before.stdout).toContain('monitore  ');
    expect(before.stdout).toMatch(/monitore job {2}\d\d:\d\d:\d\d {3}50% half/);
    await json.shows('"completed"');
    before.signal('SIGINT');
    json.signal('SIGTERM');
    expect(await before.exit).toBe(130);
    expect(await json.exit).toBe(143);
    const { events } = await rest.getEvents('monitored');
    expect(json.json).toEqual(events);
    const resumed = new CliProcess(at('monitor', '--json', '--after', events[2]!.position));
    await resumed.shows('"completed"');
    resumed.signal('SIGINT');
    await resumed.exit;
    expect(resumed.json).toEqual(events.slice(3));
  });

  it('S1-32 stats and list show what there is', async () => {
    const stats = await runCli(at('stats'));
    expect(stats.stdout).toMatch(
      /^connected clients {2}\d+\nactive operations {2}\d+\ntotal operations {3}\d+\n/,
    );
    expect(JSON.parse((await runCli(at('stats', '--json'))).stdout)).toHaveProperty('total_operations');
    await rest.createOperation('listed', { operationId: 'list-1' });
    await rest.createOperation('listed', { operationId: 'list-2' });
    const { stdout } = await runCli(at('list', '--type', 'listed'));
    expect(stdout).toMatch(/^OPERATION {2}TYPE .*\nlist-2 {5}listed {2}running {2}0% +\d+s\nlist-1 /);
    const json = await runCli(at('list', '--type', 'listed', '--limit', '1', '--json'));
    expect(JSON.parse(json.stdout)).toMatchObject({ operation_id: 'list-2' });
    expect((await runCli(at('list', '--type', 'nothing-like-this'))).stdout).toBe('No operations\n');
  });

  it('S1-33 interactive takes commands from a script, and follows to the end of what it follows', async () => {
    await rest.createOperation('job', { operationId: 'talk' });
    const cli = new CliProcess(at('interactive'));
    await cli.shows('Commands:', 'stderr');
    cli.type('stats\nlist\nget talk\nget nothing\nsubscribe\nbogus\nsubscribe talk\nsubscribe talk\n');
    await cli.shows('started job');
    for (const text of ['total operations', 'OPERATION', '"operation_id": "talk"', 'no operation nothing']) {
      expect(cli.stdout).toContain(text);
    }
    expect(cli.stdout).toContain('subscribe wants the id of an operation');
    expect(cli.stdout).toContain('There is no command bogus');
    expect(cli.stdout).toContain('talk is followed already');
    cli.type('cancel talk enough\n');
    cli.endInput();
    await cli.shows('■ cancelled: enough');
    expect(await cli.exit).toBe(0);
  });

  it('S1-33 interactive can stop following and leave', async () => {
    await rest.createOperation('job', { operationId: 'quiet' });
    const cli = new CliProcess(at('interactive'));
    cli.type('watch quiet\nunwatch quiet\nunwatch quiet\nmonitor\nmonitor\ncancel unknown\nquit\n');
    expect(await cli.exit).toBe(0);
    for (const text of ['No longer following quiet', 'quiet is not followed', 'Following all operations']) {
      expect(cli.stdout).toContain(text);
    }
    expect(cli.stdout).toContain('There is no operation unknown');
  });

  it('says clearly that no service answers, or that something else does', async () => {
    const commands = [['stats'], ['list'], ['watch', 'x'], ['monitor'], ['cancel', 'x'], ['interactive']];
    const env = { OPSTREAM_URL: 'http://127.0.0.1:9' };
    const runs = await Promise.all(commands.map((command) => runCli(command, { env })));
    expect(runs.map(({ code }) => code)).toEqual([3, 3, 3, 3, 3, 3]);
    for (const { stderr } of runs) {
      expect(stderr).toMatch(
        /^opstream: Cannot reach http:\/\/127\.0\.0\.1:9: .*\nStart a service with "opstream serve"/,
      );
    }
    const elsewhere = await runCli(['stats', '--url', `${service.url}/elsewhere`]);
    expect(elsewhere).toMatchObject({ code: 3, stdout: '' });
    expect(elsewhere.stderr).toContain('Check the path of --url');
  });

  it('says what to do for Forge when the service follows none', async () => {
    const { code, stderr } = await runCli(['forge', 'watch', 'attempt', '--url', service.url]);
    expect(code).toBe(4);
    expect(stderr).toBe('opstream: The service follows no Forge; start it with FORGE_URL\n');
  });
});
