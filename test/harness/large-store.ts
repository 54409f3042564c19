import { join } from 'node:path';
import { SqliteOperationStore } from '../../src/operations/adapters/sqlite-operation-store.js';
import { parseDraft } from '../../src/operations/operation-draft.js';
import { TOOL_OPERATION_PREFIX, type StoreCommand } from '../../src/operations/operation-store.js';
import { DEFAULT_TENANT } from '../../src/auth/principal.js';
import { OpstreamError } from '../../src/platform/errors/opstream-error.js';
import { openDatabase } from '../../src/platform/sqlite/sqlite-database.js';

/** Operations of one append: a transaction of about a millisecond for each hundred. */
const BATCH = 500;
const UNLIMITED = {
  maxOperations: Number.MAX_SAFE_INTEGER,
  maxToolOperations: Number.MAX_SAFE_INTEGER,
  maxEventsPerOperation: Number.MAX_SAFE_INTEGER,
  maxAge: 0,
};

/** Recorded tool calls have a limit of their own. */
export const isToolCall = (n: number): boolean => n % 7 === 3;

/** What the operations of a filled store are, by their number: every state, common and rare types and statuses. */
export function kindOf(n: number): {
  readonly type: string;
  readonly end: string | undefined;
  readonly status?: string;
} {
  const type = isToolCall(n) ? `${TOOL_OPERATION_PREFIX}search` : n % 997 === 0 ? 'rare' : `type-${n % 5}`;
  if (n % 50 === 0) return { type, end: undefined };
  if (n % 50 === 1) return { type, end: undefined, status: n % 991 === 1 ? 'unusual' : 'indexing' };
  return { type, end: ['result', 'result', 'error', 'cancelled'][n % 4]! };
}

/** Fills a new store with `operations` operations `op-0` … , oldest first, each with a few events. */
export async function fillStore(dataDir: string, operations: number): Promise<void> {
  const store = new SqliteOperationStore(openDatabase(join(dataDir, 'opstream.db'), 'normal'), UNLIMITED);
  const began = Date.now() / 1000 - operations;
  for (let from = 0; from < operations; from += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, operations - from) }, (_, index) => from + index);
    const outcomes = await store.append(numbers.flatMap((n) => commandsOf(n, began + n)));
    for (const outcome of outcomes) if (outcome instanceof OpstreamError) throw outcome;
  }
  await store.close();
}

/** Adds one operation with a long log. */
export async function addLongLog(dataDir: string, operationId: string, events: number): Promise<void> {
  const store = new SqliteOperationStore(openDatabase(join(dataDir, 'opstream.db'), 'normal'), UNLIMITED);
  const at = Date.now() / 1000;
  await store.append([opening(operationId, 'long', at)]);
  for (let from = 0; from < events; from += 2000) {
    const drafts = Array.from({ length: Math.min(2000, events - from) }, (_, index) =>
      parseDraft('log', { message: `line ${from + index} of the long log` }),
    );
    const [outcome] = await store.append([
      { kind: 'record', tenant: DEFAULT_TENANT, operationId, drafts, at },
    ]);
    if (outcome instanceof OpstreamError) throw outcome;
  }
  await store.close();
}

function opening(operationId: string, operationType: string, at: number): StoreCommand {
  const metadata = { user_request: `what ${operationId} was asked for` };
  return { kind: 'open', operation: { tenant: DEFAULT_TENANT, operationId, operationType, metadata }, at };
}

function commandsOf(n: number, at: number): StoreCommand[] {
  const operationId = `op-${n}`;
  const { type, end, status } = kindOf(n);
  const drafts = [parseDraft('log', { message: 'began' })];
  if (status !== undefined) drafts.push(parseDraft('status', { status }));
  if (end === 'result') drafts.push(parseDraft('result', { result: n }));
  if (end === 'error') drafts.push(parseDraft('error', { error: 'broken' }));
  if (end === 'cancelled') drafts.push(parseDraft('cancelled', {}));
  return [
    opening(operationId, type, at),
    { kind: 'record', tenant: DEFAULT_TENANT, operationId, drafts, at: at + 0.5 },
  ];
}
