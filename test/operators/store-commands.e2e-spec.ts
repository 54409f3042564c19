import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliProcess } from '../harness/cli-process.js';
import { RestClient } from '../harness/rest-client.js';
import { ServiceProcess } from '../harness/service-process.js';
import { SECRET, sign } from '../harness/tokens.js';

/** `opstream backup` and `opstream check` beside a service that runs, and without one. */

let root: string;
let service: ServiceProcess;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'opstream-commands-'));
  service = await ServiceProcess.start({ JWT_SECRET: SECRET });
  const rest = new RestClient(service.url);
  for (let n = 0; n < 3; n++) {
    await rest.post('/api/operations', { operation_type: 'job', operation_id: `job-${n}`, metadata: { n } });
    await rest.emit(`job-${n}`, 'log', { message: `the line of ${n}` });
  }
  await rest.emit('job-0', 'result', { result: 'the outcome' });
});
afterAll(async () => {
  await service.stop();
  rmSync(root, { recursive: true });
});

async function run(...words: string[]): Promise<{ code: number; out: string; complaint: string }> {
  const cli = new CliProcess(words, { cwd: root, env: { DATA_DIR: '', OPSTREAM_URL: service.url } });
  const code = await cli.exit;
  return { code, out: cli.stdout, complaint: cli.stderr };
}

describe('opstream backup', () => {
  it('copies the store of a service that runs, to a file that was not there', async () => {
    const target = join(root, 'copy.db');
    const made = await run('backup', target, '--data-dir', service.dataDir);
    expect(made).toMatchObject({ code: 0, complaint: '' });
    expect(made.out).toMatch(
      /^Copied 3 operations to .*copy\.db \(\d+ bytes\)\n {2}default: up to position 8\n$/,
    );
    const again = await run('backup', target, '--data-dir', service.dataDir);
    expect(again).toMatchObject({ code: 4, out: '' });
    expect(again.complaint).toContain('file with this name already exists');
    expect((await run('check', target)).code).toBe(0);
  });

  it('takes the folder from ./.env, and a name with the time', async () => {
    writeFileSync(join(root, '.env'), `DATA_DIR=${service.dataDir}\n`);
    const cli = new CliProcess(['backup', '--json'], { cwd: root, env: { OPSTREAM_URL: service.url } });
    expect(await cli.exit).toBe(0);
    const { path, operations, marks } = JSON.parse(cli.stdout) as Record<string, unknown>;
    expect(path).toMatch(/opstream-\d{8}T\d{6}Z\.db$/);
    expect({ operations, marks }).toEqual({ operations: 3, marks: { default: 8 } });
    rmSync(join(root, '.env'));
  });

  it('asks the service with --url, which wants the scope admin and a name', async () => {
    const token = await sign({ sub: 'root', role: 'admin' });
    const asked = (file: string, ...more: string[]) => run('backup', file, '--url', service.url, ...more);
    expect((await asked('remote.db')).code).toBe(4);
    expect((await asked('/tmp/elsewhere.db', '--token', token)).code).toBe(4);
    const made = await asked('remote.db', '--token', token, '--json');
    expect(made.code).toBe(0);
    expect(JSON.parse(made.out)).toMatchObject({ file: 'remote.db', operations: 3, mark: '8' });
    expect(existsSync(join(service.dataDir, 'backups/remote.db'))).toBe(true);
  });

  it('says where it looked when there is no store', async () => {
    const { code, complaint } = await run('backup', join(root, 'x.db'), '--data-dir', join(root, 'nowhere'));
    expect(code).toBe(4);
    expect(complaint).toMatch(/There is no store at .*nowhere/);
  });
});

describe('opstream check', () => {
  it('finds the store of a service that runs sound', async () => {
    const { code, out } = await run('check', service.dataDir);
    expect(out).toMatch(/schema \d+, 3 operations, 8 events\n {2}log \w+\.\d+, 1 epochs remembered/);
    expect(out).toMatch(/The store is sound\.\n$/);
    expect(code).toBe(0);
  });

  it('names every damaged row, and ends with 1', async () => {
    const copy = join(root, 'damaged.db');
    await run('backup', copy, '--data-dir', service.dataDir);
    const database = new Database(copy);
    database.exec(`UPDATE events SET data = replace(data, 'line', 'lime') WHERE data LIKE '%line of 1%'`);
    database.exec(`UPDATE operations SET metadata = '{"n":7}' WHERE operation_id = 'job-2'`);
    database.close();
    const { code, out } = await run('check', copy);
    expect(code).toBe(1);
    expect(out.match(/DAMAGED: .*/g)).toEqual([
      'DAMAGED: event 2 of operation job-1 is damaged',
      'DAMAGED: the metadata of operation job-2 is damaged',
    ]);
    const json = await run('check', copy, '--json');
    expect(JSON.parse(json.out)).toMatchObject({ problems: 2, operations: 3, events: 8 });
  });

  it('ends with 4 for what is no store', async () => {
    writeFileSync(join(root, 'diary.txt'), 'Dear diary\n'.repeat(200));
    expect(await run('check', join(root, 'diary.txt'))).toMatchObject({ code: 4, out: '' });
    expect(await run('check', join(root, 'nothing'))).toMatchObject({ code: 4, out: '' });
    expect((await run('check', '--nonsense')).code).toBe(2);
  });
});
