import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../harness/free-port.js';
import { RunningService } from '../harness/running-service.js';
import { ROOT } from '../harness/service-process.js';

const run = promisify(execFile);

/** The recipes of docs/producers.md with the programs themselves. */
describe('programs whose output nobody can change', () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await RunningService.start({ STORE: 'memory' });
  });
  afterAll(() => service.stop());

  const log = async (id: string): Promise<Record<string, unknown>[]> => {
    const page = await service.rest.get<{ events?: { data: Record<string, unknown> }[] }>(
      `/api/operations/${id}/events?after_seq=1&limit=1000`,
    );
    return page.body.events?.map(({ data }) => data) ?? [];
  };
  const messages = async (id: string): Promise<unknown[]> => (await log(id)).map(({ message }) => message);
  const lines = (id: string, query = '?open=true'): string => `/api/operations/${id}/lines${query}`;

  it('curl -T - shows a pipe while it runs, and ends the operation with it', async () => {
    const url = service.http + lines('piped', '?open=true&operation_type=build&end=completed');
    const child = spawn('curl', ['-s', '-T', '-', url], { stdio: ['pipe', 'pipe', 'inherit'] });
    let answer = '';
    child.stdout.on('data', (bytes: Buffer) => (answer += bytes.toString()));
    child.stdin.write('compiling\n');
    await expect.poll(() => messages('piped'), { timeout: 10_000 }).toEqual(['compiling']);
    child.stdin.end('done\n');
    await once(child, 'close');
    expect(JSON.parse(answer)).toMatchObject({
      recorded: 2,
      operation: { operation_type: 'build', status: 'completed', result: { lines: 2 } },
    });
  });

  it('a curl that is killed leaves what came', async () => {
    const child = spawn('curl', ['-s', '-T', '-', service.http + lines('killed')], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.stdin.on('error', () => {});
    child.stdin.write('first\nsecond, cut');
    await expect.poll(() => messages('killed'), { timeout: 10_000 }).toEqual(['first']);
    child.kill('SIGKILL');
    await expect.poll(() => messages('killed'), { timeout: 10_000 }).toEqual(['first', 'second, cut']);
  });

  it.each([['--data-binary'], ['--json']])('curl %s sends a file, whatever type it says', async (option) => {
    const id = `sent${option}`;
    const { stdout } = await run('curl', ['-s', option, 'one\ntwo\n', service.http + lines(id)]);
    expect(JSON.parse(stdout)).toMatchObject({ recorded: 2 });
    expect(await messages(id)).toEqual(['one', 'two']);
  });

  it("Python's HTTPHandler", async () => {
    const program = join(ROOT, 'test/producers/http_handler.py');
    await run('/usr/bin/python3', [program, `127.0.0.1:${service.port}`, lines('python')]);
    expect(await log('python')).toMatchObject([
      { level: 'warning', message: 'disk is 91% full: äöü & more', details: { name: 'job' } },
      { level: 'info', message: 'step 2 of 3', details: { name: 'job' } },
    ]);
  });

  it('syslog-ng', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'opstream-syslog-'));
    const port = await freePort();
    const url = service.http + lines('syslog', '?open=true&operation_type=syslog');
    const configuration = `@version: 3.38
source s_net { network(ip("127.0.0.1") port(${port}) transport("tcp")); };
destination d_opstream {
  http(url("${url}")
       method("POST") batch-lines(100) batch-timeout(200)
       body("$(format-json message=$MESSAGE level=$LEVEL host=$HOST program=$PROGRAM)"));
};
log { source(s_net); destination(d_opstream); };
`;
    const file = join(folder, 'syslog-ng.conf');
    await writeFile(file, configuration);
    const state = ['--persist-file', '--pidfile', '--control'].flatMap((name) => [
      name,
      join(folder, name.slice(2)),
    ]);
    const daemon = spawn('/usr/sbin/syslog-ng', ['-F', '--no-caps', '-f', file, ...state], {
      stdio: 'ignore',
    });
    try {
      await expect.poll(() => isTaken(port), { timeout: 20_000 }).toBe(true);
      const sender = connect(port, '127.0.0.1');
      for (let n = 1; n <= 120; n++) sender.write(`<12>Nov 28 08:00:00 box job[7]: line ${n} "quoted" ä\n`);
      sender.end();
      await expect.poll(async () => (await log('syslog')).length, { timeout: 20_000 }).toBe(120);
      const [first] = await log('syslog');
      expect(first).toMatchObject({
        level: 'warning',
        message: 'line 1 "quoted" ä',
        details: { program: 'job' },
      });
    } finally {
      daemon.kill('SIGKILL');
      await once(daemon, 'close');
      await rm(folder, { recursive: true, force: true });
    }
  });
});

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(true));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(false)));
  });
}
