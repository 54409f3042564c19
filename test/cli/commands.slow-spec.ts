import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RestClient } from '../../src/client/index.js';
import { CliProcess, runCli } from '../harness/cli-process.js';
import { ServiceProcess } from '../harness/service-process.js';

let service: ServiceProcess;
let rest: RestClient;

beforeAll(async () => {
  service = await ServiceProcess.start();
  rest = new RestClient({ url: service.url });
});

afterAll(() => service.stop());

const at = (...args: string[]): string[] => [...args, '--url', service.url];

describe('the opstream command, at length', { timeout: 60_000 }, () => {
  it('list goes on behind the first page', async () => {
    for (let index = 0; index < 130; index++) await rest.createOperation('paged');
    const { stdout } = await runCli(at('list', '--type', 'paged', '--limit', '120', '--json'));
    const ids = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { operation_id: string }).operation_id);
    expect(new Set(ids).size).toBe(120);
  });

  it('serve starts the service, passes signals on and ends with its exit code', async () => {
    const cli = new CliProcess(['serve', '--port', '0', '--data-dir', service.dataDir.concat('/served')], {
      env: { HOST: '127.0.0.1', LOG_LEVEL: 'info' },
    });
    await cli.shows('Opstream is ready on');
    cli.signal('SIGTERM');
    expect(await cli.exit).toBe(0);
    const taken = await runCli(['serve', '--port', String(service.port)], {
      env: { HOST: '127.0.0.1', STORE: 'memory' },
    });
    expect(taken.code).toBe(1);
    expect(taken.stderr).toContain('in use');
  });

  it('a command line that is not valid ends with 2, help with 0', async () => {
    const wrong = [
      ['watch'],
      ['nonsense'],
      ['list', '--limit', 'many'],
      ['stats', '--url', 'not a url'],
      ['run'],
    ];
    const runs = await Promise.all(wrong.map((command) => runCli(command)));
    expect(runs.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2]);
    expect((await runCli(['--help'])).code).toBe(0);
    expect((await runCli(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
