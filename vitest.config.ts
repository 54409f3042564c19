import { defineConfig } from 'vitest/config';

/** `npm test`: everything that needs nothing but Node. The slower suites are `vitest run --config vitest.slow.config.ts`. */
export default defineConfig({
  test: {
    include: ['src/**/*.spec.ts', 'test/**/*.e2e-spec.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
