import { Command } from 'commander';
import type { OperationSnapshot } from '../../client/index.js';
import { restClient, withConnection, type ConnectionOptions } from '../connection-options.js';
import { findOperation } from '../operation-id.js';
import { output } from '../terminal/output.js';
import { printableLine } from '../terminal/printable.js';

export function getCommand(): Command {
  return withConnection(new Command('get'))
    .description('show one operation')
    .argument('<operation-id>', 'operation id or unique prefix')
    .option('--json', 'print the snapshot as JSON')
    .action(async (operationId: string, options: ConnectionOptions & { json?: boolean }) => {
      const operation = await findOperation(restClient(options), operationId);
      await output.write(options.json ? `${JSON.stringify(operation)}\n` : description(operation));
    });
}

/** One line per non-empty member. */
function description(operation: OperationSnapshot): string {
  const rows = Object.entries(operation)
    .filter(([, value]) => value !== null && value !== '')
    .map(([name, value]): [string, string] => [name.replaceAll('_', ' '), shown(name, value)]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}

function shown(name: string, value: unknown): string {
  if (name === 'log_counts' && typeof value === 'object') {
    return Object.entries(value ?? {})
      .map(([level, count]) => `${count} ${level}`)
      .join(', ');
  }
  if (name.endsWith('_at') && typeof value === 'number') return new Date(value * 1000).toISOString();
  return printableLine(typeof value === 'string' ? value : JSON.stringify(value));
}
