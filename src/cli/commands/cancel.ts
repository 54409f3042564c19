import { fullId } from '../operation-id.js';
import { output } from '../terminal/output.js';
import { Command } from 'commander';
import { restClient, withConnection, type ConnectionOptions } from '../connection-options.js';

interface CancelOptions extends ConnectionOptions {
  readonly reason?: string;
  readonly children?: boolean;
}

export function cancelCommand(): Command {
  return withConnection(new Command('cancel'))
    .description('cancel an operation; its producer is told to stop')
    .argument('<operation-id>')
    .option('--reason <text>', 'reason recorded with the cancellation')
    .option('--children', 'cancel everything that runs below it as well')
    .action(async (operationId: string, options: CancelOptions) => {
      const rest = restClient(options);
      const id = await fullId(rest, operationId);
      if (!options.children) {
        await rest.cancelOperation(id, options.reason);
        await output.write(`Cancelled ${id}\n`);
        return;
      }
      let others = 0;
      for (let more = true; more;) {
        const answer = await rest.cancelOperation(id, options.reason, { children: true });
        others += answer.children_cancelled ?? 0;
        // Without progress, repeating it would not end.
        more = answer.children_incomplete === true && (answer.children_cancelled ?? 0) > 0;
      }
      await output.write(`Cancelled ${id} and ${others} below it\n`);
    });
}
