import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCOPES } from '../../src/auth/principal.js';
import { HubClient } from '../../src/client/index.js';
import { runCli } from '../harness/cli-process.js';
import { statusesOf } from '../harness/transports.js';
import { RunningService } from '../harness/running-service.js';

const TRUST = {
  JWT_SECRET: 'a secret = with "odd" characters #1',
  JWT_ISSUER: 'us',
  JWT_AUDIENCE: 'opstream',
};

describe('opstream token', { timeout: 40_000 }, () => {
  let service: RunningService;
  let directory: string;

  beforeAll(async () => {
    service = await RunningService.start({ STORE: 'memory', ALLOW_ANONYMOUS: 'false', ...TRUST });
    directory = await mkdtemp(join(tmpdir(), 'opstream-token-'));
    const lines = Object.entries(TRUST).map(([name, value]) => `${name}='${value}'\n`);
    await writeFile(join(directory, '.env'), lines.join(''));
  });
  afterAll(async () => {
    await service.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const mint = (...options: string[]) => runCli(['token', ...options], { cwd: directory });

  async function minted(...options: string[]): Promise<string> {
    const { code, stdout, stderr } = await mint(...options);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout.trim();
  }

  async function expectEveryFaceOpen(token: string): Promise<void> {
    for (const caller of [{ token }, { headers: { authorization: `Bearer ${token}` } }]) {
      const shut = Object.entries(await statusesOf(service, caller)).filter(([, status]) => status >= 300);
      expect(shut).toEqual([]);
    }
  }

  it('makes a token with the secret, issuer and audience of ./.env that opens every face', async () => {
    await expectEveryFaceOpen(await minted('--sub', 'ann', '--tenant', 'acme|eu', '--expires', '12h'));
    await expectEveryFaceOpen(await minted('--scope', ...SCOPES));
  });

  it('makes one for an administrator, whose API keys do wherever a token does (S4-73)', async () => {
    const headers = { authorization: `Bearer ${await minted('--role', 'admin', '--expires', '30')}` };
    const made = await service.rest.request('POST', '/api/keys', { body: { name: 'robot' }, headers });
    const key = String(made.body.key);
    await expectEveryFaceOpen(key);
    const hub = new HubClient({ url: service.http, token: key });
    await hub.connect();
    hub.close();
    const list = await runCli(['list', '--url', service.http], { env: { OPSTREAM_TOKEN: key } });
    expect(list).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    ['--sub', ''],
    ['--sub', 'x'.repeat(201)],
    ['--tenant', '../other'],
    ['--scope', 'operations:raed'],
    ['--role', 'god'],
    ['--expires', '0'],
    ['--expires', '1.5h'],
  ])('makes none that the service would refuse: %s', async (...options) => {
    expect(await mint(...options)).toMatchObject({ code: 2, stdout: '' });
  });

  it('says what is missing without a secret', async () => {
    const { code, stdout, stderr } = await runCli(['token'], { cwd: tmpdir() });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('There is no JWT_SECRET');
  });
});
