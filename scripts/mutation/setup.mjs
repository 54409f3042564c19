// Told by instrumented files which of their functions a test file has called; see vitest.mutate.config.ts.
import { appendFileSync } from 'node:fs';
import { afterAll, expect } from 'vitest';

const out = process.env.MUTATE_HITS;
if (out !== undefined) {
  const calls = (globalThis.calledFunctions ??= new Set());
  const startedAt = performance.now();
  // Whatever the file before has left behind calls for itself.
  calls.clear();
  afterAll(() => {
    const { testPath } = expect.getState();
    const seconds = (performance.now() - startedAt) / 1000;
    appendFileSync(out, `${JSON.stringify({ spec: testPath, seconds, calls: [...calls] })}\n`);
  });
}
