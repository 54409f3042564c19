import { Command } from 'commander';
import { restClient, withConnection, type ConnectionOptions } from '../connection-options.js';

export function cancelCommand(): Command {
  return withConnection(new Command('cancel'))
    .description('cancel an operation; whoever runs it is told to stop')
    .argument('<operation-id>')
    .option('--reason <text>', 'why')
    .action(async (operationId: string, options: ConnectionOptions & { reason?: string }) => {
      await restClient(options).cancelOperation(operationId, options.reason);
      process.stdout.write(`Cancelled ${operationId}\n`);
    });
}
