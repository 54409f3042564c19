import { Command } from 'commander';
import { hubClient, withConnection, type ConnectionOptions } from '../connection-options.js';
import { EXIT } from '../exit-codes.js';
import { untilInterrupted } from '../interrupt.js';
import { OperationBoard } from '../operation-board.js';
import { createPrinter } from '../terminal/printer.js';
import { announceReconnects } from './watch.js';

interface MonitorOptions extends ConnectionOptions {
  readonly after?: string;
  readonly json?: boolean;
}

export function monitorCommand(): Command {
  return withConnection(new Command('monitor'))
    .description('follow all operations, until Ctrl-C')
    .option('--after <position>', 'begin behind the event with this position instead of now')
    .option('--json', 'one JSON event per line')
    .action(async (options: MonitorOptions) => {
      process.exitCode = await monitor(options);
    });
}

async function monitor(options: MonitorOptions): Promise<number> {
  const hub = hubClient(options);
  const board = new OperationBoard();
  try {
    await hub.connect();
    return await untilInterrupted(async (signal) => {
      const events = hub.followAll({ after: options.after, signal });
      // What is under way already has a bar before its next event.
      const { operations } = await hub.listOperations({ limit: 100 });
      for (const snapshot of operations.toReversed()) board.seed(snapshot);
      const printer = createPrinter(options, () => board.rows());
      announceReconnects(hub, printer);
      try {
        for await (const event of events) {
          const label = board.label(event.operation_id);
          board.apply(event);
          printer.event(event, label);
        }
        return EXIT.ok;
      } finally {
        printer.close();
      }
    });
  } finally {
    hub.close();
  }
}
