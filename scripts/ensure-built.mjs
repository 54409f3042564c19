// Makes `npm start` and `npm test` work in a fresh clone, and after every pull: installs what is missing, then builds
// what is stale.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
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

const [major, minor] = process.versions.node.split('.').map(Number);
const isNodeTooOld = major < 22 || (major === 22 && minor < 15);
const RUNTIME = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
const RUNTIME_VERSION = '24.21.0';

if (!isInstalled('.')) {
  process.stdout.write('Installing the packages of Opstream; this takes about a minute the first time.\n');
  // --include=dev: the compiler is a development dependency and NODE_ENV=production would leave it out.
  // --loglevel=error: an old Node that only installs need not be warned of.
  run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']);
}
if (isNodeTooOld && !existsSync(join('node_modules', RUNTIME))) {
  process.stdout.write(
    `Opstream needs Node.js 22.15 or newer and this is ${process.versions.node}: installing ${RUNTIME_VERSION} into node_modules.\n`,
  );
  // npm's scripts and npx find `node` in node_modules/.bin first.
  const runtime = `${RUNTIME}@${RUNTIME_VERSION}`;
  run('npm', ['install', '--no-save', runtime, '--no-audit', '--no-fund', '--loglevel=error']);
}

// `npm start` replaces npm's shell by the service, so that signals reach it; Windows' shell has no such word.
if (process.platform === 'win32') writeFileSync(join('node_modules', '.bin', 'exec.cmd'), '@%*\r\n');

const inputs = [
  'src',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/build.mjs',
  'scripts/build-dashboard.mjs',
  'package-lock.json',
];
const built = 'dist/main.js';
const stale = !existsSync(built) || Math.max(...inputs.map(newest)) > statSync(built).mtimeMs;
if (stale) {
  process.stdout.write('Building Opstream …\n');
  run('npm', ['run', '--silent', 'build']);
}
