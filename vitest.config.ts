import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** `npm test`: everything that needs nothing but Node. The slower suites are `vitest run --config vitest.slow.config.ts`. */
export default defineConfig({
  // The examples import the package by its name.
  resolve: { alias: { opstream: fileURLToPath(new URL('src/library.ts', import.meta.url)) } },
  test: {
    include: ['src/**/*.spec.ts', 'test/**/*.e2e-spec.ts'],
    // Files of a worker share what they import: loading Nest for each of them took longer than the tests.
    isolate: false,
    // The tests wait for sockets and processes more than they compute.
    maxWorkers: Math.max(3, availableParallelism()),
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
