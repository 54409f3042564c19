// Compiles src into dist, and puts beside it what the compiler leaves alone: the schema of the database. The command
// line becomes executable, which npm does for packages it installs but not for the checkout itself. The build is made
// beside dist and takes its place when it is complete: `opstream run -- npm run build` runs out of dist itself.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, renameSync, rmSync } from 'node:fs';

const built = `dist.new-${process.pid}`;
const former = `dist.old-${process.pid}`;
const compiler = 'node_modules/typescript/bin/tsc';
const args = [compiler, '--project', 'tsconfig.build.json', '--noEmitOnError', '--outDir', built];
try {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status === 0) {
    cpSync('src/platform/sqlite/migrations', `${built}/platform/sqlite/migrations`, { recursive: true });
    chmodSync(`${built}/cli/main.js`, 0o755);
    if (existsSync('dist')) renameSync('dist', former);
    renameSync(built, 'dist');
  }
  process.exitCode = status ?? 1;
} finally {
  rmSync(built, { recursive: true, force: true });
  rmSync(former, { recursive: true, force: true });
}
