import { parseOperationId } from '../../operations/operation-draft.js';
import { toSnapshot } from '../../operations/operation-snapshot.js';
import {
  historyJson,
  parseHistoryQuery,
  readHistory,
  type HistoryResult,
} from '../../operations/rest/history-query.js';
import { pageLimit, parseListQuery } from '../../operations/rest/request-values.js';
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
    const page = await session.dependencies.operations.list(session.tenant, parseListQuery(input));
    const operations = fitPage(page.operations.map((operation) => toSnapshot(operation, false)));
    // If fewer fit, the page ends earlier; its cursor is the number of its last operation.
    const cut = page.operations[operations.length - 1];
    const nextCursor =
      operations.length < page.operations.length && cut ? String(cut.number) : page.nextCursor;
    reply.send(
      answer<'list_operations'>(reply.requestId, {
        status: 'listed',
        event_type: 'operations',
        data: { operations, next_cursor: nextCursor },
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
