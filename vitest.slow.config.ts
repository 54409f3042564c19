import { defineConfig } from 'vitest/config';

/**
 * What needs more than Node or more than seconds: real browsers, Python clients, Forge, faults, floods. Run by
 * `.ci/run`, one file at a time, because several measure time or kill processes.
 */
export default defineConfig({
  test: {
    include: ['test/**/*.slow-spec.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
