import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { environment } from '../environment.js';
import { runStoreTool } from '../store-tool.js';

export function checkCommand(): Command {
  return new Command('check')
    .description('read all of a store or of a backup and name what is damaged')
    .argument('[path]', 'a file, or the folder it lies in; DATA_DIR of the environment or ./.env without it')
    .option('--json', 'the result as JSON')
    .action(async (path: string | undefined, { json }: { json?: boolean }) => {
      const words = ['check', databaseAt(path ?? (environment().DATA_DIR || './data'))];
      process.exitCode = await runStoreTool(json ? [...words, '--json'] : words);
    });
}

function databaseAt(path: string): string {
  return existsSync(path) && statSync(path).isDirectory() ? join(path, 'opstream.db') : path;
}
