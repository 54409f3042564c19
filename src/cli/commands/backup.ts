import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { RestClient } from '../../client/index.js';
import { withConnection, type ConnectionOptions } from '../connection-options.js';
import { environment } from '../environment.js';
import { runStoreTool } from '../store-tool.js';
import { output } from '../terminal/output.js';

/** A large store takes a while to copy. */
const PATIENCE_MS = 6 * 3600 * 1000;

interface BackupOptions extends ConnectionOptions {
  readonly dataDir?: string;
  readonly json?: boolean;
}

export function backupCommand(): Command {
  return withConnection(new Command('backup'))
    .description('copy the store to a new file; the service may be running')
    .argument('[file]', 'local path; with --url the name of a file in BACKUP_DIR of the service')
    .option('--data-dir <folder>', 'folder of the store (default: DATA_DIR from the environment or ./.env)')
    .option('--json', 'print the result as JSON')
    .action(async (file: string | undefined, options: BackupOptions, command: Command) => {
      // OPSTREAM_URL in the environment chooses the service to talk to; it does not request a remote backup.
      if (command.getOptionValueSource('url') === 'cli') await askService(file, options);
      else process.exitCode = await copyHere(file ?? fileByTime(), options);
    });
}

function copyHere(file: string, { dataDir, json }: BackupOptions): Promise<number> {
  const folder = dataDir ?? (environment().DATA_DIR || './data');
  const words = ['backup', join(folder, 'opstream.db'), resolve(file)];
  return runStoreTool(json ? [...words, '--json'] : words);
}

async function askService(file: string | undefined, { url, token, json }: BackupOptions): Promise<void> {
  const rest = new RestClient({ url, token, timeoutMs: PATIENCE_MS });
  const backup = await rest.createBackup(file);
  const { path, bytes, operations, mark } = backup;
  await output.write(
    json
      ? `${JSON.stringify(backup)}\n`
      : `Copied ${operations} operations to ${path} on the service's machine (${bytes} bytes, up to position ${mark})\n`,
  );
}

function fileByTime(): string {
  return `opstream-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')}.db`;
}
