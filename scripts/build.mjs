// Compiles src into dist, and puts beside it what the compiler leaves alone: the schema of the database. The command
// line becomes executable, which npm does for packages it installs but not for the checkout itself.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
const compiler = 'node_modules/typescript/bin/tsc';
const { status } = spawnSync(
  process.execPath,
  [compiler, '--project', 'tsconfig.build.json', '--noEmitOnError'],
  {
    stdio: 'inherit',
  },
);
if (status !== 0) process.exit(status ?? 1);
cpSync('src/platform/sqlite/migrations', 'dist/platform/sqlite/migrations', { recursive: true });
chmodSync('dist/cli/main.js', 0o755);
