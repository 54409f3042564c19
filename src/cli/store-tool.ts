import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { exitCodeOfChild, passSignals } from './child-signals.js';

/** Runs the program that knows the store's file format; this command does not. @returns its exit code */
export function runStoreTool(words: readonly string[]): Promise<number> {
  const entry = fileURLToPath(new URL('../store-tool.js', import.meta.url));
  if (!existsSync(entry)) throw new Error(`The service is not built: ${entry} is missing (npm run build)`);
  const child = spawn(process.execPath, ['--enable-source-maps', entry, ...words], { stdio: 'inherit' });
  const stopPassing = passSignals((signal) => child.kill(signal));
  return new Promise((done, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      stopPassing();
      done(exitCodeOfChild(code, signal));
    });
  });
}
