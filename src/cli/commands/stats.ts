import { output } from '../terminal/output.js';
import { Command } from 'commander';
import { restClient, withConnection, type ConnectionOptions } from '../connection-options.js';

export function statsCommand(): Command {
  return withConnection(new Command('stats'))
    .description('show service statistics')
    .option('--json', 'print as JSON')
    .action(async (options: ConnectionOptions & { json?: boolean }) => {
      const stats = await restClient(options).getStats();
      await output.write(options.json ? `${JSON.stringify(stats)}\n` : statsTable(stats));
    });
}

export function statsTable(stats: Readonly<Record<string, unknown>>): string {
  const rows = Object.entries(stats).map(([name, value]): [string, string] => [
    name.replaceAll('_', ' '),
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}
