// Compiles src into dist, and puts beside it what the compiler leaves alone: the schema of the database, and the
// dashboard, which is bundled meanwhile. The command line becomes executable, which npm does for packages it installs
// but not for the checkout itself. The build is made beside dist and takes its place when it is complete: `opstream run
// -- npm run build` runs out of dist itself.
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { once } from 'node:events';

const built = `dist.new-${process.pid}`;
const former = `dist.old-${process.pid}`;
const compiler = 'node_modules/typescript/bin/tsc';

/** Runs a program of Node. @returns its exit code; 1 when a signal ended it */
async function run(...args) {
  const [code] = await once(spawn(process.execPath, args, { stdio: 'inherit' }), 'exit');
  return code ?? 1;
}

try {
  const codes = await Promise.all([
    run(compiler, '--project', 'tsconfig.build.json', '--noEmitOnError', '--outDir', built),
    run('scripts/build-dashboard.mjs', `${built}/dashboard/public`),
  ]);
  const failed = codes.find((code) => code !== 0);
  if (failed === undefined) {
    cpSync('src/platform/sqlite/migrations', `${built}/platform/sqlite/migrations`, { recursive: true });
    chmodSync(`${built}/cli/main.js`, 0o755);
    if (existsSync('dist')) renameSync('dist', former);
    renameSync(built, 'dist');
  }
  process.exitCode = failed ?? 0;
} finally {
  rmSync(built, { recursive: true, force: true });
  rmSync(former, { recursive: true, force: true });
}
