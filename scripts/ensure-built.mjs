// Makes `npm start` and `npm test` work in a fresh clone, and after every pull: installs what is missing, then builds
// what is stale.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { isInstalled } from './is-installed.mjs';

const run = (command, args) => {
  const { status } = spawnSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) process.exit(status ?? 1);
};

/** Newest modification below a folder, in milliseconds since the epoch. */
const newest = (path) => {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
};

/** False after a change of Node's major version: the SQLite driver is compiled for one of them. */
const driverLoads = () => {
  try {
    const Database = createRequire(import.meta.url)('better-sqlite3');
    new Database(':memory:').close();
    return true;
  } catch (error) {
    if (error.code === 'ERR_DLOPEN_FAILED') return false;
    throw error;
  }
};

if (!isInstalled('.')) {
  // --include=dev: the compiler is a development dependency and NODE_ENV=production would leave it out.
  run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund']);
} else if (!driverLoads()) {
  run('npm', ['rebuild', 'better-sqlite3']);
}

const inputs = ['src', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs', 'package-lock.json'];
const built = 'dist/main.js';
const stale = !existsSync(built) || Math.max(...inputs.map(newest)) > statSync(built).mtimeMs;
if (stale) run('npm', ['run', '--silent', 'build']);
