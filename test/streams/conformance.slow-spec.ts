import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { installed } from '../harness/cached-packages.js';
import { RunningService } from '../harness/running-service.js';

const run = promisify(execFile);

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** The protocol's own suite as a program of its own: it brings its test runner. */
async function conformance(baseUrl: string): Promise<Report> {
  const directory = await installed('durable-streams');
  const suite = `import { runConformanceTests } from '@durable-streams/server-conformance-tests';
runConformanceTests({ baseUrl: ${JSON.stringify(baseUrl)}, longPollTimeoutMs: 20_000 });\n`;
  await writeFile(join(directory, 'conformance.test.mjs'), suite);
  // A configuration of its own, or it finds that of the project above it.
  const configuration =
    "export default { test: { include: ['conformance.test.mjs'], testTimeout: 40_000 } };\n";
  await writeFile(join(directory, 'vitest.config.mjs'), configuration);
  const vitest = join(directory, 'node_modules/vitest/vitest.mjs');
  const args = [
    'run',
    '--root',
    directory,
    '--reporter=json',
    '--config',
    join(directory, 'vitest.config.mjs'),
  ];
  // Vitest tells its outcome by the exit code, too; the report says it better.
  const { stdout } = await run(process.execPath, [vitest, ...args], {
    cwd: directory,
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, VITEST: undefined, VITEST_WORKER_ID: undefined },
  }).catch((failed: { stdout: string }) => failed);
  return JSON.parse(stdout.slice(stdout.indexOf('{'))) as Report;
}

describe('Durable Streams: the conformance suite', () => {
  it.each(['memory', 'sqlite'])(
    'all 332 tests pass with STORE=%s; the six optional ones are skipped',
    async (store) => {
      const service = await RunningService.start({ STORE: store, ALLOWED_ORIGINS: 'https://example.com' });
      try {
        const report = await conformance(service.http);
        const failed = report.testResults
          .flatMap(({ assertionResults }) => assertionResults)
          .filter(({ status }) => status === 'failed');
        expect(failed.map(({ fullName }) => fullName)).toEqual([]);
        expect(report).toMatchObject({ numPassedTests: 332, numFailedTests: 0, numPendingTests: 6 });
      } finally {
        await service.stop();
      }
    },
  );
});
