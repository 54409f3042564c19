import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RestClient } from '../../src/client/index.js';
import { runCli } from '../harness/cli-process.js';
import { ServiceProcess } from '../harness/service-process.js';

let service: ServiceProcess;
let rest: RestClient;

beforeAll(async () => {
  service = await ServiceProcess.start({ STORE: 'memory' });
  rest = new RestClient({ url: service.url });
});
afterAll(() => service.stop());

const opstream = (...args: string[]): ReturnType<typeof runCli> =>
  runCli(args, { env: { OPSTREAM_URL: service.url } });

describe('opstream input', { timeout: 40_000 }, () => {
  it('shows what an operation asks for, answers it and declines it', async () => {
    await rest.createOperation('job', { operationId: 'asks' });
    const schema = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] };
    await rest.requestInput('asks', { key: 'go', message: 'Go?', schema });
    expect(JSON.parse((await opstream('input', 'asks')).stdout)).toMatchObject({ key: 'go', message: 'Go?' });
    const refused = await opstream('input', 'asks', 'go', '{"ok":1}');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('does not match the schema');
    expect(await opstream('input', 'asks', '{"ok":true}')).toMatchObject({
      code: 0,
      stdout: 'Answered go\n',
    });
    expect((await rest.getOperation('asks')).status).toBe('running');
    await rest.requestInput('asks', { key: 'more', message: 'More?' });
    expect(await opstream('input', 'asks', '--decline')).toMatchObject({
      code: 0,
      stdout: 'Declined more\n',
    });
    expect((await opstream('input', 'asks')).stderr).toBe('It asks for nothing.\n');
  });
});
