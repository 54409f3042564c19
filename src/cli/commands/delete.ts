import { Command } from 'commander';
import { restClient, withConnection, type ConnectionOptions } from '../connection-options.js';
import { fullId } from '../operation-id.js';
import { output } from '../terminal/output.js';

export function deleteCommand(): Command {
  return withConnection(new Command('delete'))
    .description('delete ended operations and their logs')
    .argument('<operation-id...>', 'operation ids or unique prefixes')
    .action(async (operationIds: string[], options: ConnectionOptions) => {
      const rest = restClient(options);
      for (const operationId of operationIds) {
        const id = await fullId(rest, operationId);
        await rest.deleteOperation(id);
        await output.write(`Deleted ${id}\n`);
      }
    });
}
