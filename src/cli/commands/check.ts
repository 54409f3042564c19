import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { environment } from '../environment.js';
import { runStoreTool } from '../store-tool.js';

export function checkCommand(): Command {
  return new Command('check')
    .description('verify a store or a backup and report damage')
    .argument('[path]', 'a file or its folder (default: DATA_DIR from the environment or ./.env)')
    .option('--json', 'print the result as JSON')
    .action(async (path: string | undefined, { json }: { json?: boolean }) => {
      const words = ['check', databaseAt(path ?? (environment().DATA_DIR || './data'))];
      process.exitCode = await runStoreTool(json ? [...words, '--json'] : words);
    });
}

function databaseAt(path: string): string {
  return existsSync(path) && statSync(path).isDirectory() ? join(path, 'opstream.db') : path;
}
