import { Command } from 'commander';
import { OpstreamClientError } from '../../client/index.js';
import { restClient, withConnection, type ConnectionOptions } from '../connection-options.js';
import { EXIT } from '../exit-codes.js';
import { findOperation } from '../operation-id.js';
import { output } from '../terminal/output.js';

export function resultCommand(): Command {
  return withConnection(new Command('result'))
    .description('print the result of a completed operation as JSON')
    .argument('<operation-id>', 'operation id or unique prefix')
    .option('--raw', 'print a string result without quotes')
    .action(async (operationId: string, options: ConnectionOptions & { raw?: boolean }) => {
      const operation = await findOperation(restClient(options), operationId);
      const { operation_id: id, status, result, error, error_type: type } = operation;
      if (status === 'error' || status === 'cancelled') {
        const why = status === 'error' ? `failed: ${type}: ${error}` : 'was cancelled';
        process.stderr.write(`opstream: ${id} ${why}\n`);
        process.exitCode = status === 'error' ? EXIT.failed : EXIT.cancelled;
        return;
      }
      if (operation.ended_at === null) {
        throw new OpstreamClientError('no_result', `${id} has no result yet; it is ${status}`);
      }
      const text = options.raw && typeof result === 'string' ? result : JSON.stringify(result, undefined, 2);
      await output.write(`${text}\n`);
    });
}
