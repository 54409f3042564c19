import { output } from '../terminal/output.js';
import { Command } from 'commander';
import type { OperationSnapshot, RestClient } from '../../client/index.js';
import { restClient, wholeNumber, withConnection, type ConnectionOptions } from '../connection-options.js';
import { operationTable } from '../terminal/operation-table.js';

/** Page size; longer lists take several requests. */
const PAGE = 100;

interface ListOptions extends ConnectionOptions {
  readonly status?: string;
  readonly type?: string;
  readonly limit: number;
  readonly json?: boolean;
}

export function listCommand(): Command {
  return withConnection(new Command('list'))
    .description('list operations, newest first')
    .option('--status <status>', 'running, completed, error, cancelled, or active (not ended)')
    .option('--type <type>', 'only operations of this type')
    .option('--limit <count>', 'maximum number of operations', wholeNumber(1), 50)
    .option('--json', 'one JSON snapshot per line')
    .action(async (options: ListOptions) => {
      const operations = await fetchOperations(restClient(options), options);
      await output.write(
        options.json
          ? operations.map((operation) => `${JSON.stringify(operation)}\n`).join('')
          : operationTable(operations, process.stdout),
      );
    });
}

async function fetchOperations(rest: RestClient, options: ListOptions): Promise<OperationSnapshot[]> {
  const { status, type, limit } = options;
  const found: OperationSnapshot[] = [];
  let cursor: string | undefined;
  do {
    const page = await rest.listOperations({
      status,
      type,
      limit: Math.min(PAGE, limit - found.length),
      cursor,
    });
    found.push(...page.operations);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined && found.length < limit);
  return found;
}
