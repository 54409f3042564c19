import { parseOperationId } from '../../operations/operation-draft.js';
import { toSnapshot } from '../../operations/operation-snapshot.js';
import { pageLimit, parseListQuery, wholeNumber } from '../../operations/rest/request-values.js';
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
    const wanted = wholeNumber(input.after_seq, 'after_seq') ?? 0;
    const { places } = session.dependencies;
    const place = await places.checkOperation({ tenant: session.tenant, operationId }, wanted, input.log);
    const { after } = place;
    const bounds = { limit: pageLimit(input.limit, MAX_HISTORY_PAGE, 100), maxBytes: HISTORY_PAGE_BYTES };
    const page = await session.dependencies.operations.history(
      { tenant: session.tenant, operationId },
      after,
      bounds,
    );
    const events = fitEvents(page.events);
    const last = events.last?.seq ?? after;
    const { requestId } = reply;
    const id = requestId === undefined ? '' : `,"request_id":${JSON.stringify(requestId)}`;
    // The events are already JSON.
    reply.send(
      `{"status":"history","operation_id":"${operationId}","event_type":"history","timestamp":${unixSeconds()},` +
        `"data":{"events":[${events.texts.join(',')}],"first_seq":${page.first},` +
        `"head_seq":${page.head},"has_more":${last < page.head},"history_trimmed":${after + 1 < page.first},` +
        `"log":"${place.log}"${place.lost ? `,"history_lost":true,"kept_through":${after}` : ''}}${id}}`,
    );
  },
};

export const getStats: HubCommandDefinition<'get_stats'> = {
  scope: 'operations:read',
  async run(session, _input, reply) {
    const stats = await session.dependencies.status.stats(session.tenant);
    reply.send(answer<'get_stats'>(reply.requestId, { stats, event_type: 'stats', data: { stats } }));
  },
};
