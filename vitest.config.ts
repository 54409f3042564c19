import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** `npm test`: everything that needs nothing but Node. The slower suites are `vitest run --config vitest.slow.config.ts`. */
export default defineConfig({
  // The examples import the package by its name.
  resolve: { alias: { opstream: fileURLToPath(new URL('src/library.ts', import.meta.url)) } },
  test: {
    include: ['src/**/*.spec.ts', 'test/**/*.e2e-spec.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
