import { fullId } from '../operation-id.js';
import { output } from '../terminal/output.js';
import { Command } from 'commander';
import { restClient, withConnection, type ConnectionOptions } from '../connection-options.js';

export function cancelCommand(): Command {
  return withConnection(new Command('cancel'))
    .description('cancel an operation; its producer is told to stop')
    .argument('<operation-id>')
    .option('--reason <text>', 'reason recorded with the cancellation')
    .action(async (operationId: string, options: ConnectionOptions & { reason?: string }) => {
      const rest = restClient(options);
      const id = await fullId(rest, operationId);
      await rest.cancelOperation(id, options.reason);
      await output.write(`Cancelled ${id}\n`);
    });
}
