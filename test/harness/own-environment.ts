import { tmpdir } from 'node:os';
import { environmentSchema } from '../../src/config/environment.js';

/** Where programs of the tests start unless a test says otherwise: not in the checkout, whose `.env` is not theirs. */
export const NEUTRAL_FOLDER = tmpdir();

const SETTINGS = new Set([...Object.keys(environmentSchema.shape), 'NO_COLOR', 'FORCE_COLOR']);

/** The environment of this process without what its owner has set for an Opstream of his own. */
export function neutralEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !SETTINGS.has(entry[0]) && !entry[0].startsWith('OPSTREAM_'),
  );
  return Object.fromEntries(entries);
}
