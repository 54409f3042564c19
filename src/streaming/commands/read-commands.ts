import { parseOperationId } from '../../operations/operation-draft.js';
import { toSnapshot } from '../../operations/operation-snapshot.js';
import {
  historyJson,
  parseHistoryQuery,
  readHistory,
  type HistoryResult,
} from '../../operations/rest/history-query.js';
import { formatCursor, keyOf, placeOf } from '../../operations/list-cursor.js';
import { boolean, pageLimit, parseListQuery, withoutStatus } from '../../operations/rest/request-values.js';
import { fitEvents, fitPage, fitSnapshot } from './fit-answer.js';
import type { HubCommandDefinition } from './command-session.js';
import { unixSeconds } from '../../platform/unix-seconds.js';
import { answer } from './answer.js';

/** Maximum events of one `get_history` page. */
const MAX_HISTORY_PAGE = 1000;
const HISTORY_PAGE_BYTES = 512 * 1024;

export const getOperation: HubCommandDefinition<'get_operation'> = {
  scope: 'operations:read',
  async run(session, input, reply) {
    // An invalid id matches no operation: null, as for an unknown one.
    const { operation_id: id } = input;
    const found =
      typeof id === 'string'
        ? await session.dependencies.operations.find({ tenant: session.tenant, operationId: id })
        : null;
    const log = found && (await session.dependencies.places.tokenOfOperation(found));
    const operation = found && fitSnapshot({ ...toSnapshot(found), log: log! });
    const operationId = typeof id === 'string' ? id.slice(0, 200) : 'system';
    reply.send(
      answer<'get_operation'>(reply.requestId, {
        operation,
        operation_id: operationId,
        event_type: 'operation',
        data: { operation },
      }),
    );
  },
};

export const listOperations: HubCommandDefinition<'list_operations'> = {
  scope: 'operations:read',
  async run(session, input, reply) {
    const { operations } = session.dependencies;
    const query = parseListQuery(input);
    const page = await operations.list(session.tenant, query);
    const counts = boolean(input.counts, 'counts')
      ? await operations.countMatching(session.tenant, withoutStatus(query))
      : undefined;
    const snapshots = fitPage(page.operations.map((operation) => toSnapshot(operation, false)));
    // If fewer fit, the page ends earlier.
    const cut = snapshots.length < page.operations.length ? page.operations[snapshots.length - 1] : undefined;
    const key = keyOf(query);
    reply.send(
      answer<'list_operations'>(reply.requestId, {
        status: 'listed',
        event_type: 'operations',
        data: {
          operations: snapshots,
          next_cursor: cut ? formatCursor(placeOf(cut, key), key) : page.nextCursor,
          ...(page.incomplete && { incomplete: true }),
          ...(counts && { counts }),
        },
      }),
    );
  },
};

export const getHistory: HubCommandDefinition<'get_history'> = {
  scope: 'operations:read',
  async run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    const key = { tenant: session.tenant, operationId };
    const bounds = { limit: pageLimit(input.limit, MAX_HISTORY_PAGE, 100), maxBytes: HISTORY_PAGE_BYTES };
    const page = fitHistory(
      await readHistory(session.dependencies, key, parseHistoryQuery({ ...input }), bounds),
    );
    const { requestId } = reply;
    const id = requestId === undefined ? '' : `,"request_id":${JSON.stringify(requestId)}`;
    // The events are already JSON.
    reply.send(
      `{"status":"history","operation_id":"${operationId}","event_type":"history","timestamp":${unixSeconds()},` +
        `"data":${page}${id}}`,
    );
  },
};

/** If fewer events fit into the answer, the page ends earlier, in the direction of reading. */
function fitHistory(page: HistoryResult): string {
  const { events, isBackward } = page;
  const { texts, last } = fitEvents(isBackward ? events.toReversed() : events);
  if (isBackward) texts.reverse();
  if (last === undefined || texts.length === events.length) return historyJson(texts, page);
  const cut = isBackward ? { searchedFrom: last.seq } : { searchedThrough: last.seq };
  // What was left out lies before the page now.
  const totalBefore =
    page.totalBefore === null || !isBackward
      ? page.totalBefore
      : page.totalBefore + events.length - texts.length;
  return historyJson(texts, { ...page, ...cut, totalBefore, hasMore: true });
}

export const getStats: HubCommandDefinition<'get_stats'> = {
  scope: 'operations:read',
  async run(session, _input, reply) {
    const stats = await session.dependencies.status.stats(session.tenant);
    reply.send(answer<'get_stats'>(reply.requestId, { stats, event_type: 'stats', data: { stats } }));
  },
};
