import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RestClient } from '../../src/client/index.js';
import { runCli } from '../harness/cli-process.js';
import { ServiceProcess } from '../harness/service-process.js';
import { SECRET, sign } from '../harness/tokens.js';

let service: ServiceProcess;
let rest: RestClient;

beforeAll(async () => {
  service = await ServiceProcess.start({ JWT_SECRET: SECRET });
  rest = new RestClient({ url: service.url });
  await rest.createOperation('job', { operationId: 'aaaa-1111', metadata: { file: 'a.csv' } });
  await rest.record('aaaa-1111', [
    { event_type: 'log', data: { level: 'warning', message: 'careful' } },
    { event_type: 'result', data: { result: { rows: 42 } } },
  ]);
  await rest.createOperation('job', { operationId: 'aaaa-2222' });
  await rest.createOperation('job', { operationId: 'bbbb-3333' });
});

afterAll(() => service.stop());

const opstream = (...args: string[]): ReturnType<typeof runCli> =>
  runCli(args, { env: { OPSTREAM_URL: service.url } });

describe('commands for one operation', { timeout: 40_000 }, () => {
  it('take the beginning of an id that no other has', async () => {
    expect(JSON.parse((await opstream('get', 'aaaa-1', '--json')).stdout)).toMatchObject({
      operation_id: 'aaaa-1111',
    });
    expect(await opstream('get', 'aaaa')).toEqual({
      code: 4,
      stdout: '',
      stderr: 'opstream: 2 operations begin with aaaa:\n  aaaa-2222\n  aaaa-1111\n',
    });
    const unknown = { code: 4, stdout: '', stderr: 'opstream: There is no operation zz\n' };
    for (const command of ['get', 'logs', 'result', 'watch', 'cancel', 'delete']) {
      expect(await opstream(command, 'zz')).toEqual(unknown);
    }
    expect((await opstream('watch', 'aaaa-1')).code).toBe(0);
    expect(await opstream('cancel', 'bbbb')).toMatchObject({ code: 0, stdout: 'Cancelled bbbb-3333\n' });
  });

  it('get, logs and result show it', async () => {
    const { stdout } = await opstream('get', 'aaaa-1');
    expect(stdout).toMatch(/^operation id +aaaa-1111$/m);
    expect(stdout).toMatch(/^metadata +\{"file":"a.csv"\}$/m);
    expect(stdout).toMatch(/^log counts +0 debug, 0 info, 1 warning, 0 error$/m);
    expect(stdout).toMatch(/^started at +\d{4}-\d\d-\d\dT/m);
    expect((await opstream('logs', 'aaaa-1')).stdout).toMatch(
      /^\S+ {2}started job\n\S+ {2}warning careful\n\S+ {2}result \{"rows":42\}\n\S+ {2}✓ completed/,
    );
    expect((await opstream('logs', 'aaaa-1', '--plain')).stdout).toBe('careful\n');
    const json = (await opstream('logs', 'aaaa-1', '--json', '--after-seq', '2')).stdout;
    expect(
      json
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { seq: number }).seq),
    ).toEqual([3, 4]);
    const shown = async (...args: string[]) => (await opstream('logs', 'aaaa-1', ...args)).stdout;
    expect(await shown('--level', 'warning')).toMatch(/^\S+ {2}warning careful\n$/);
    expect(await shown('--level', 'error')).toBe('');
    expect(await shown('--type', 'result', 'completed')).toMatch(
      /^\S+ {2}result .*\n\S+ {2}✓ completed.*\n$/,
    );
    expect(await shown('--grep', 'CAREFUL', '--json')).toMatch(/^\{.*"seq":2.*\}\n$/);
    expect(await shown('--raw')).toBe('careful\n');
    expect(await shown('--follow', '--level', 'error')).toBe('');
    expect(await shown('-f', '--timestamps')).toMatch(/^\d{4}-\d\d-\d\dT\S+Z careful\n$/);
    expect(await shown('--timestamps', 'elapsed')).toMatch(/^\+\d+\.\d{3}s careful\n$/);
    expect(await shown('-f', '--json', '--grep', 'careful')).toMatch(/^\{.*"seq":2.*\}\n$/);
    expect(await shown('-f', '--grep', 'other')).toBe('');
    expect(await opstream('logs', 'aaaa-1', '--follow', '--type', 'log')).toMatchObject({ code: 2 });
    expect(await opstream('result', 'aaaa-1')).toEqual({
      code: 0,
      stdout: '{\n  "rows": 42\n}\n',
      stderr: '',
    });
    expect(await opstream('result', 'aaaa-2')).toMatchObject({
      code: 4,
      stderr: 'opstream: aaaa-2222 has no result yet; it is running\n',
    });
  });

  it('emit records events, opens and ends', async () => {
    const emit = (...args: string[]): ReturnType<typeof runCli> => opstream('emit', 'emitted', ...args);
    expect((await emit('--create', 'import', 'progress', '25%', 'A', 'quarter')).stdout).toBe(
      'Recorded progress as event 2 of emitted\n',
    );
    await emit('log', '--level', 'error', '--details', '{"row":7}', 'bad row');
    await emit('status', 'reading', 'the second file');
    expect((await emit('progress', '150%')).code).toBe(1);
    expect((await emit('shout', 'x')).code).toBe(2);
    await emit('result', '[1,2]');
    const { events } = await rest.getEvents('emitted');
    expect(events.map(({ event_type: type, data }) => [type, data])).toMatchObject([
      ['status', { status: 'started' }],
      ['progress', { progress: 0.25, message: 'A quarter' }],
      ['log', { level: 'error', message: 'bad row', details: { row: 7 } }],
      ['status', { status: 'reading', message: 'the second file' }],
      ['result', { result: [1, 2] }],
      ['completed', {}],
    ]);
    expect(await emit('log', 'too late')).toMatchObject({ code: 4 });
    await opstream('emit', 'failing', '--create', 'import', 'error', '--error-type', 'Disk', 'no room');
    expect(await opstream('result', 'failing')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'opstream: failing failed: Disk: no room\n',
    });
  });

  it('delete forgets operations that have ended', async () => {
    expect((await opstream('delete', 'aaaa-2')).code).toBe(4);
    await opstream('cancel', 'aaaa-2');
    expect(await opstream('delete', 'aaaa-1', 'aaaa-2')).toMatchObject({
      code: 0,
      stdout: 'Deleted aaaa-1111\nDeleted aaaa-2222\n',
    });
    expect((await opstream('list')).stdout).not.toContain('aaaa');
  });

  it('keys are made, listed and revoked by an administrator', async () => {
    expect((await opstream('keys')).code).toBe(4);
    const admin = ['--token', await sign({ id: 'root', role: 'admin' })];
    const made = await opstream('keys', 'create', 'nightly', '--scope', 'operations:read', ...admin);
    const key = made.stdout.trim();
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    const id = /^Key (\S+):\n$/.exec(made.stderr)?.[1] ?? '';
    expect((await opstream('keys', 'list', ...admin)).stdout).toMatch(
      new RegExp(`^ID .*\\n${id} +nightly +root +never +operations:read\\n$`),
    );
    expect((await opstream('stats', '--token', key)).code).toBe(0);
    expect((await opstream('keys', 'revoke', id, ...admin)).stdout).toBe(`Revoked ${id}\n`);
    expect((await opstream('stats', '--token', key)).code).toBe(4);
  });

  it('a value that is not valid ends a command with 2', async () => {
    expect((await opstream('serve', '--port', '99999')).code).toBe(2);
    expect((await opstream('list', '--limit', '1e2')).code).toBe(2);
  });
});
