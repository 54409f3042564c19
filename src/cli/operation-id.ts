import { OpstreamClientError, type OperationSnapshot, type RestClient } from '../client/index.js';
import { printableLine } from './terminal/printable.js';

type Lists = Pick<RestClient, 'listOperations'>;

/** Page size of one request. */
const PAGE = 100;
/** How many matching ids an error lists. */
const NAMED = 5;

/**
 * Resolves an id or unique prefix as typed: screens show short ids.
 * @throws OpstreamClientError `operation_not_found`, or `ambiguous_id` when several match
 */
export async function fullId(rest: RestClient, typed: string): Promise<string> {
  return (await findOperation(rest, typed)).operation_id;
}

/** Like `fullId`, with the operation itself. */
export async function findOperation(rest: RestClient, typed: string): Promise<OperationSnapshot> {
  try {
    return await rest.getOperation(typed);
  } catch (error) {
    const unknown =
      error instanceof OpstreamClientError && ['operation_not_found', 'invalid_request'].includes(error.code);
    if (!unknown) throw error;
  }
  const { operation_id: id } = await findByPrefix(rest, typed);
  // Lists omit results.
  return rest.getOperation(id);
}

/** Finds an operation by prefix, when none has this exact id. */
export async function findByPrefix(service: Lists, typed: string): Promise<OperationSnapshot> {
  return theOne(typed, await beginningWith(service, typed));
}

function theOne(typed: string, found: readonly OperationSnapshot[]): OperationSnapshot {
  const [only] = found;
  if (only && found.length === 1) return only;
  if (!only)
    throw new OpstreamClientError('operation_not_found', `There is no operation ${printableLine(typed)}`);
  const ids = found.slice(0, NAMED).map(({ operation_id: id }) => `\n  ${id}`);
  const more = found.length > NAMED ? `\n  and ${found.length - NAMED} more` : '';
  throw new OpstreamClientError(
    'ambiguous_id',
    `${found.length} operations begin with ${typed}:${ids.join('')}${more}`,
  );
}

async function beginningWith(service: Lists, prefix: string): Promise<OperationSnapshot[]> {
  const found: OperationSnapshot[] = [];
  let cursor: string | undefined;
  do {
    const page = await service.listOperations({ limit: PAGE, cursor });
    found.push(...page.operations.filter(({ operation_id: id }) => id.startsWith(prefix)));
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}
