import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/**
 * What needs more than Node or more than seconds: real browsers, Python clients, Forge, faults, floods. Run by
 * `.ci/run`, one file at a time, because several measure time or kill processes.
 */
export default defineConfig({
  // The examples import the package by its name.
  resolve: { alias: { opstream: fileURLToPath(new URL('src/library.ts', import.meta.url)) } },
  test: {
    include: ['test/**/*.slow-spec.ts'],
    fileParallelism: false,
    isolate: false,
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
