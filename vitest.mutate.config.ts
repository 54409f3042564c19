import { readFileSync } from 'node:fs';
import { mergeConfig } from 'vitest/config';
import fast from './vitest.config.js';

interface Change {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** What `scripts/mutate.mjs` wants of the source files: changes by path, from the last to the first. */
const changes = JSON.parse(readFileSync(process.env.MUTATE_CHANGES!, 'utf8')) as Record<string, Change[]>;

/** `npm test` on sources that are changed while they are read; nothing is written to the checkout. */
export default mergeConfig(fast, {
  plugins: [
    {
      name: 'mutate',
      enforce: 'pre',
      transform(code: string, id: string) {
        const own = changes[id.split('?', 1)[0]!];
        if (!own) return undefined;
        return own.reduce(
          (text, { start, end, text: by }) => text.slice(0, start) + by + text.slice(end),
          code,
        );
      },
    },
  ],
  test: { setupFiles: ['./scripts/mutation/setup.mjs'], bail: process.env.MUTATE_HITS ? 0 : 1 },
});
