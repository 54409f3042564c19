import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FailingOutput } from '../harness/failing-output.js';
import { ROOT } from '../harness/service-process.js';

/** An application that never closes, in a process of its own. */
const NEVER_CLOSES = `
  import { Logger } from '@nestjs/common';
  import { stopOnSignal } from '${join(ROOT, 'dist/platform/lifecycle/stop-on-signal.js')}';
  import { LogOutput } from '${join(ROOT, 'dist/platform/logging/log-output.js')}';
  const output = LogOutput.standard();
  const write = (text) => output.write(JSON.stringify({ msg: String(text) }) + '\\n');
  Logger.overrideLogger({ log: write, error: write, warn: write });
  stopOnSignal(Promise.resolve({ close: () => new Promise(() => {}) }), output);
  if (process.argv[1] === 'stuck') (await import('node:fs')).write(1, Buffer.alloc(1 << 20), () => {});
  setInterval(() => {}, 1000);
  process.stderr.write('ready');
`;

async function stop(
  stdout: number | 'pipe',
  mode = '',
): Promise<{ code: unknown; seconds: number; said: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', NEVER_CLOSES, mode], {
    cwd: ROOT,
    stdio: ['ignore', stdout, 'pipe'],
  });
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await once(child.stderr!, 'data');
  const began = performance.now();
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code, seconds: (performance.now() - began) / 1000, said };
}

describe('stopping the service that is held up', () => {
  it('S4-68: gives up after 10 s with exit code 1', async () => {
    const { code, seconds, said } = await stop('pipe');
    expect(code).toBe(1);
    expect(seconds).toBeGreaterThan(9);
    expect(seconds).toBeLessThan(10.5);
    expect(said).toContain('Forced shutdown after timeout');
  }, 30_000);

  it('does so also while a thread is stuck in a write that nobody reads', async () => {
    using output = FailingOutput.open('unread');
    const { code, seconds } = await stop(output.fd, 'stuck');
    expect(code).toBe(1);
    expect(seconds).toBeLessThan(10.5);
  }, 30_000);
});
