import { createRequire } from 'node:module';

/** The package's version; the same relative path holds in `src` and in `dist`. */
export const VERSION = (createRequire(import.meta.url)('../../package.json') as { version: string }).version;
