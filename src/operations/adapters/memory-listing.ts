import { byPlace, formatCursor, isBehind, keyOf, parseCursor, placeOf } from '../list-cursor.js';
import { matches, type OperationFilter } from '../operation-filter.js';
import type { FilteredCounts, ListQuery, OperationPage } from '../operation-store.js';
import type { Operation } from '../operation.js';
import { LIST_PAGE_BYTES } from './retention.js';

/** An operation and its share of a page's size. */
export interface Listed {
  readonly operation: Operation;
  readonly size: number;
}

/** A listing that no index of the memory store answers: it looks at everything, of which there is little. */
export function listByFilter(entries: Iterable<Listed>, query: ListQuery): OperationPage {
  const key = keyOf(query);
  const after = parseCursor(query.cursor, key);
  const found = Array.from(entries, ({ operation, size }) => ({
    operation,
    size,
    ...placeOf(operation, key),
  }))
    .filter((entry) => isBehind(entry, after) && matches(entry.operation, query))
    .sort(byPlace);
  return pageOf(found, query.limit, (operation) => formatCursor(placeOf(operation, key), key));
}

/** @param found in the order of the listing, at least one more than the limit if there are */
export function pageOf(
  found: readonly Listed[],
  limit: number,
  cursorOf: (last: Operation) => string,
): OperationPage {
  const page: Operation[] = [];
  let size = 0;
  for (const { operation, size: metadata } of found.slice(0, limit)) {
    if (size >= LIST_PAGE_BYTES) break;
    page.push(withoutResult(operation));
    size += metadata + operation.message.length + (operation.error?.length ?? 0);
  }
  return { operations: page, nextCursor: found.length > page.length ? cursorOf(page.at(-1)!) : null };
}

export function countByFilter(entries: Iterable<Listed>, filter: OperationFilter): FilteredCounts {
  const counts = { running: 0, completed: 0, error: 0, cancelled: 0 };
  for (const { operation } of entries) if (matches(operation, filter)) counts[operation.state] += 1;
  return counts;
}

function withoutResult({ result: _result, ...operation }: Operation): Operation {
  return operation;
}
