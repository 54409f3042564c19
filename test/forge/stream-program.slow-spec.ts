import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FakeForge } from '../harness/fake-forge.js';
import { ROOT } from '../harness/service-process.js';
import { neutralEnvironment } from '../harness/own-environment.js';

it('S0-86: the stream test program closes a quiet stream after ten seconds', async () => {
  const forge = await new FakeForge().start();
  forge.stream(/./);
  const started = Date.now();
  const output = await new Promise<string>((resolve) => {
    const script = join(ROOT, 'scripts/test-forge-websocket.mjs');
    const env = { ...neutralEnvironment(), FORGE_URL: forge.url };
    execFile(process.execPath, [script, 'A'], { env }, (_error, stdout) => resolve(stdout));
  });
  expect(Date.now() - started).toBeGreaterThanOrEqual(9_900);
  expect(output).toContain('🔌 Closed');
  await forge.stop();
});
