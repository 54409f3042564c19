import { turnBudget } from '../platform/lifecycle/turn-budget.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import type { EventDraft } from './operation-draft.js';
import type { OperationKey } from './operation-key.js';
import { isActive, type Operation } from './operation.js';
import type { AppendReceipt, OperationsService } from './operations.service.js';

/** Operations that one request looks at below the one it cancels. */
const MAX_DESCENDANTS = 1000;
const PAGE = 100;

export interface CancelledTree {
  readonly receipt: AppendReceipt;
  /** Descendants that were running. */
  readonly cancelled: readonly string[];
  /** The request stopped at its bound; repeating it continues. */
  readonly incomplete: boolean;
}

/**
 * Cancels an operation and everything that runs below it, from the top, so that nothing new is started meanwhile by
 * what was cancelled. With an operation that has ended, only its descendants are cancelled.
 * @param draft the cancellation
 * @throws OpstreamError `operation_not_found`
 */
export async function cancelTree(
  operations: OperationsService,
  key: OperationKey,
  draft: EventDraft,
): Promise<CancelledTree> {
  const receipt = await cancelOrEnded(operations, key, draft);
  // Each child has an event of its own: the id of the request's event belongs to the root.
  const { eventId: _eventId, ...childDraft } = draft;
  const cancelled: string[] = [];
  const seen = new Set([key.operationId]);
  const parents = [key.operationId];
  // The array grows while it is walked: breadth first.
  for (const parentOperationId of parents) {
    let cursor: string | undefined;
    do {
      const page = await operations.list(key.tenant, {
        parentOperationId,
        limit: PAGE,
        ...(cursor && { cursor }),
      });
      for (const child of page.operations) {
        // What belongs to itself, directly or not, is met once.
        if (seen.has(child.operationId)) continue;
        if (seen.size > MAX_DESCENDANTS) return { receipt, cancelled, incomplete: true };
        seen.add(child.operationId);
        parents.push(child.operationId);
        if (await cancelIfActive(operations, child, childDraft)) cancelled.push(child.operationId);
        await turnBudget.turn();
      }
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }
  return { receipt, cancelled, incomplete: false };
}

async function cancelOrEnded(
  operations: OperationsService,
  key: OperationKey,
  draft: EventDraft,
): Promise<AppendReceipt> {
  try {
    return await operations.append(key, draft);
  } catch (error) {
    if (!hasEnded(error)) throw error;
    const operation = await operations.get(key);
    return { seq: operation.eventCount, timestamp: operation.updatedAt, repeated: true, operation };
  }
}

async function cancelIfActive(
  operations: OperationsService,
  operation: Operation,
  draft: EventDraft,
): Promise<boolean> {
  if (!isActive(operation)) return false;
  try {
    await operations.append(operation, draft);
    return true;
  } catch (error) {
    // It ended, or was removed, a moment ago.
    if (hasEnded(error) || (error instanceof OpstreamError && error.code === 'operation_not_found'))
      return false;
    throw error;
  }
}

function hasEnded(error: unknown): boolean {
  return error instanceof OpstreamError && error.code === 'operation_ended';
}
