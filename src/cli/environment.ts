import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';

/** The service's settings as it reads them: the environment takes precedence over `./.env`. */
export function environment(): NodeJS.Dict<string> {
  const file = existsSync('.env') ? parseEnv(readFileSync('.env', 'utf8').replace(/^\uFEFF/, '')) : {};
  return { ...file, ...process.env };
}
