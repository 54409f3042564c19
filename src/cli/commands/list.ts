import { output } from '../terminal/output.js';
import { Command, Option } from 'commander';
import type { ListQuery, OperationSnapshot, RestClient } from '../../client/index.js';
import { restClient, wholeNumber, withConnection, type ConnectionOptions } from '../connection-options.js';
import { operationTable } from '../terminal/operation-table.js';

/** Page size; longer lists take several requests. */
const PAGE = 100;

interface ListOptions extends ConnectionOptions {
  readonly status?: string;
  readonly type?: string;
  readonly search?: string;
  readonly parent?: string;
  readonly createdBy?: string;
  readonly startedAfter?: string;
  readonly startedBefore?: string;
  readonly minDuration?: number;
  readonly errors?: boolean;
  readonly sort?: 'started' | 'updated' | 'duration';
  readonly counts?: boolean;
  readonly limit: number;
  readonly json?: boolean;
}

export function listCommand(): Command {
  return withConnection(new Command('list'))
    .description('list operations, newest first')
    .option('--status <status>', 'running, completed, error, cancelled, or active (not ended)')
    .option('--type <type>', 'only this type, or all that begin like "mcp.tool/*"')
    .option('--search <text>', 'text in the id, the type, the message or the metadata')
    .option('--parent <operation-id>', 'only the parts of this operation')
    .option('--created-by <user>', 'only operations that this user opened')
    .option('--started-after <time>', 'ISO 8601 or Unix seconds')
    .option('--started-before <time>', 'ISO 8601 or Unix seconds')
    .option('--min-duration <seconds>', 'only operations that took at least so long', wholeNumber(0))
    .option('--errors', 'only operations that failed or logged an error')
    .addOption(
      new Option('--sort <order>', 'highest first')
        .choices(['started', 'updated', 'duration'])
        .default('started'),
    )
    .option('--counts', 'print how many match, by state, instead')
    .option('--limit <count>', 'maximum number of operations', wholeNumber(1), 50)
    .option('--json', 'one JSON snapshot per line')
    .action(async (options: ListOptions) => {
      const rest = restClient(options);
      if (options.counts) return output.write(await countsText(rest, options));
      const operations = await fetchOperations(rest, options);
      await output.write(
        options.json
          ? operations.map((operation) => `${JSON.stringify(operation)}\n`).join('')
          : operationTable(operations, process.stdout),
      );
    });
}

function queryOf(options: ListOptions): ListQuery {
  const { status, type, search, parent, createdBy, startedAfter, startedBefore, minDuration, errors, sort } =
    options;
  return {
    ...(status !== undefined && { status }),
    ...(type !== undefined && { type }),
    ...(search !== undefined && { q: search }),
    ...(parent !== undefined && { parent_operation_id: parent }),
    ...(createdBy !== undefined && { created_by: createdBy }),
    ...(startedAfter !== undefined && { started_after: startedAfter }),
    ...(startedBefore !== undefined && { started_before: startedBefore }),
    ...(minDuration !== undefined && { min_duration: minDuration }),
    ...(errors && { has_errors: true }),
    ...(sort !== undefined && sort !== 'started' && { sort }),
  };
}

async function countsText(rest: RestClient, options: ListOptions): Promise<string> {
  const { counts } = await rest.listOperations({ ...queryOf(options), counts: true, limit: 1 });
  if (!counts) return 'The service does not count\n';
  if (options.json) return `${JSON.stringify(counts)}\n`;
  const { incomplete, ...byState } = counts;
  const lines = Object.entries(byState).map(([state, count]) => `${state.padEnd(10)} ${count}\n`);
  return lines.join('') + (incomplete ? 'There are more: the service stopped counting\n' : '');
}

async function fetchOperations(rest: RestClient, options: ListOptions): Promise<OperationSnapshot[]> {
  const { limit } = options;
  const query = queryOf(options);
  const found: OperationSnapshot[] = [];
  let cursor: string | undefined;
  do {
    const page = await rest.listOperations({
      ...query,
      limit: Math.min(PAGE, limit - found.length),
      ...(cursor !== undefined && { cursor }),
    });
    found.push(...page.operations);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined && found.length < limit);
  return found;
}
