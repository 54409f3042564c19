import { Command } from 'commander';
import type { HubClient, OperationSnapshot } from '../../client/index.js';
import { hubClient, withConnection, type ConnectionOptions } from '../connection-options.js';
import { EXIT } from '../exit-codes.js';
import { untilInterrupted } from '../interrupt.js';
import { OperationBoard } from '../operation-board.js';
import { createPrinter } from '../terminal/printer.js';
import { announceReconnects } from './watch.js';

/** Page size of one request. */
const PAGE = 100;
/** More than fit on any screen; the others are only counted. */
const MAX_BARS = 1000;

interface MonitorOptions extends ConnectionOptions {
  readonly after?: string;
  readonly json?: boolean;
}

export function monitorCommand(): Command {
  return withConnection(new Command('monitor'))
    .description('follow all operations until Ctrl-C')
    .option('--after <position>', 'start after the event at this position instead of now')
    .option('--json', 'one JSON event per line')
    .action(async (options: MonitorOptions) => {
      process.exitCode = await monitor(options);
    });
}

/** All active operations, newest first. */
async function activeOperations(hub: HubClient): Promise<OperationSnapshot[]> {
  const found: OperationSnapshot[] = [];
  let cursor: string | undefined;
  do {
    const page = await hub.listOperations({ status: 'active', limit: PAGE, cursor });
    found.push(...page.operations);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined && found.length < MAX_BARS);
  return found;
}

async function monitor(options: MonitorOptions): Promise<number> {
  const hub = hubClient(options);
  const board = new OperationBoard();
  try {
    await hub.connect();
    return await untilInterrupted(async (signal) => {
      const events = hub.followAll({ after: options.after, signal });
      process.stderr.write(`Following ${options.url} (Ctrl-C ends)\n`);
      // Active operations have a bar before their next event.
      for (const snapshot of (await activeOperations(hub)).toReversed()) board.seed(snapshot);
      const printer = createPrinter(options, () => board.rows());
      announceReconnects(hub, printer);
      try {
        for await (const event of events) {
          const label = board.label(event.operation_id);
          board.apply(event);
          await printer.event(event, label);
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
