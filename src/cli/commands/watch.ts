import { Command } from 'commander';
import { OpstreamClientError, type FollowedEvent, type HubClient } from '../../client/index.js';
import {
  hubClient,
  restClient,
  wholeNumber,
  withConnection,
  type ConnectionOptions,
} from '../connection-options.js';
import { EXIT } from '../exit-codes.js';
import { untilInterrupted } from '../interrupt.js';
import { fullId } from '../operation-id.js';
import { OperationBoard } from '../operation-board.js';
import { TerminalInputs } from '../terminal-inputs.js';
import { createPrinter, type Printer } from '../terminal/printer.js';

interface WatchOptions extends ConnectionOptions {
  readonly afterSeq: number;
  readonly wait?: boolean;
  readonly json?: boolean;
}

export function watchCommand(): Command {
  return withConnection(new Command('watch'))
    .description('follow one operation from its beginning to its end')
    .argument('<operation-id>')
    .option('--after-seq <seq>', 'start after this event', wholeNumber(0), 0)
    .option('--wait', 'wait for an operation that does not exist yet')
    .option('--json', 'one JSON event per line')
    .action(async (operationId: string, options: WatchOptions) => {
      const id = options.wait ? operationId : await fullId(restClient(options), operationId);
      process.exitCode = await followToEnd(id, options);
    });
}

/** Shows an operation's events until it ends. @returns the exit code for how it ended */
export async function followToEnd(operationId: string, options: WatchOptions): Promise<number> {
  const hub = hubClient(options);
  const board = new OperationBoard();
  try {
    await hub.connect();
    const snapshot = await hub.getOperation(operationId);
    if (snapshot) board.seed(snapshot);
    else if (!options.wait)
      throw new OpstreamClientError('operation_not_found', `There is no operation ${operationId}`);
    return await untilInterrupted(async (signal) => {
      const printer = createPrinter(options, () => board.rows());
      announceReconnects(hub, printer);
      try {
        const inputs = new TerminalInputs(
          restClient(options),
          operationId,
          isInteractive(options),
          signal,
          printer,
        );
        for (const request of snapshot?.input_requests ?? []) inputs.opened(request);
        let last: FollowedEvent | undefined;
        for await (const event of hub.follow(operationId, { afterSeq: options.afterSeq, signal })) {
          board.apply(event);
          await printer.event(event);
          inputs.apply(event);
          last = event;
        }
        return exitCodeFor(last?.event_type ?? snapshot?.status);
      } finally {
        printer.close();
      }
    });
  } finally {
    hub.close();
  }
}

/** Whether somebody is there to answer. */
function isInteractive({ json }: WatchOptions): boolean {
  return process.stdin.isTTY && process.stderr.isTTY && json !== true;
}

export function announceReconnects(hub: HubClient, printer: Printer): void {
  let lost = false;
  hub.on('disconnected', ({ reason }) => {
    lost = true;
    printer.notice(`Connection lost${reason ? ` (${reason})` : ''}, reconnecting …`);
  });
  hub.on('connected', () => {
    if (lost) printer.notice('Connected again');
    lost = false;
  });
}

/** @param end the type of the last event, or the status of an operation that had already ended */
function exitCodeFor(end: string | undefined): number {
  if (end === 'error') return EXIT.failed;
  return end === 'cancelled' ? EXIT.cancelled : EXIT.ok;
}
