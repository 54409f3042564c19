// Makes a benchmark runnable in a fresh clone: builds the service, installs the peers, compiles the C programs.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isInstalled } from '../../scripts/is-installed.mjs';

export const BENCH = fileURLToPath(new URL('..', import.meta.url));
const NATIVE = join(BENCH, 'native');
const BUILD = join(BENCH, 'build');

/** Ends the process with a sentence where the benchmark cannot run. */
export function prepare({ peers, generator = true }) {
  if (process.platform !== 'linux')
    skip('it needs Linux: processes are pinned, their load is read from /proc');
  if (availableParallelism() < 2) skip('server and load generator want a CPU core each');
  run(process.execPath, [join(BENCH, '../scripts/ensure-built.mjs')], join(BENCH, '..'));
  if (generator) compile();
  const folder = join(BENCH, 'peers');
  if (peers && !isInstalled(folder)) run('npm', ['ci', '--no-audit', '--no-fund'], folder);
}

/** A compiled program of `native/`. */
export const native = (name) => join(BUILD, name);

function compile() {
  if (spawnSync('cc', ['--version']).status !== 0)
    skip('the load generator is a C program and there is no `cc` here');
  mkdirSync(BUILD, { recursive: true });
  const changed = Math.max(...readdirSync(NATIVE).map((file) => statSync(join(NATIVE, file)).mtimeMs));
  for (const name of ['generator', 'floor']) {
    const built = native(name);
    if (existsSync(built) && statSync(built).mtimeMs > changed) continue;
    run('cc', ['-O2', '-Wall', '-Wextra', '-o', built, join(NATIVE, `${name}.c`)], BENCH);
  }
}

function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw error ?? new Error(`${command} ${args.join(' ')} failed`);
}

function skip(why) {
  console.error(`SKIPPED: ${why}.`);
  process.exit(0);
}
