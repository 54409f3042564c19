import {
  onlyMembers,
  parseDraft,
  parseEventData,
  parseOperationId,
} from '../../operations/operation-draft.js';
import type { CheckedPlace } from '../../operations/log-places.js';
import { toSnapshot } from '../../operations/operation-snapshot.js';
import {
  boolean,
  pageLimit,
  parseListQuery,
  parsePosition,
  placeAndLog,
  wholeNumber,
} from '../../operations/rest/request-values.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { fitEvents, fitPage, fitSnapshot } from './fit-answer.js';
import type { HubCommand } from './command-session.js';
import { answer, recordedAnswer } from './answer.js';

/** Maximum events of one `get_history` page. */
const MAX_HISTORY_PAGE = 1000;
const HISTORY_PAGE_BYTES = 512 * 1024;

const subscribe: HubCommand = {
  scope: 'operations:read',
  async run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    const after = boolean(input.replay, 'replay') ? 0 : wholeNumber(input.after_seq, 'after_seq');
    const known = wholeNumber(input.known_seq, 'known_seq');
    const coalesce = boolean(input.coalesce, 'coalesce');
    const { places } = session.dependencies;
    const place = await places.checkOperation(session.tenant, operationId, after ?? 0, input.log, known);
    session.following.subscribe(operationId, after === undefined ? undefined : place.after, coalesce);
    const data = {
      operation_id: operationId,
      after_seq: after,
      log: place.log,
      ...lossOf(place, place.after),
    };
    const top = { status: 'subscribed', operation_id: operationId };
    reply.send(answer(reply.requestId, { top, eventType: 'subscribed', operationId, data }));
    if (place.lost) session.following.tellLost({ id: operationId, keptThrough: place.after, log: place.log });
  },
};

/** A client that disconnects before the notice arrives must not mistake the new log for the one it knows. */
function lossOf({ lost }: CheckedPlace, keptThrough: number | string): object {
  return lost ? { history_lost: true, kept_through: keptThrough } : {};
}

const unsubscribe: HubCommand = {
  scope: 'operations:read',
  ends: true,
  run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    session.following.unsubscribe(operationId);
    const top = { status: 'unsubscribed' };
    const data = { operation_id: operationId };
    reply.send(answer(reply.requestId, { top, eventType: 'unsubscribed', operationId, data }));
  },
};

const subscribeAll: HubCommand = {
  scope: 'operations:read',
  async run(session, input, reply) {
    const coalesce = boolean(input.coalesce, 'coalesce');
    const { operations, places } = session.dependencies;
    const given = placeAndLog(input.after, input.log);
    // "From now on" becomes a position, too: a client that disconnects before its first event can resume from it.
    const wanted = parsePosition(given.place) ?? (await operations.headOf(session.tenant));
    const place = await places.check(session.tenant, wanted, given.log);
    const { after, lost, log } = place;
    const data = { all: true, position: String(after), log, ...lossOf(place, String(after)) };
    reply.send(answer(reply.requestId, { top: { status: 'subscribed' }, eventType: 'subscribed', data }));
    if (lost) session.following.tellLost({ id: null, keptThrough: after, log });
    session.following.subscribeAll(after, coalesce);
  },
};

const unsubscribeAll: HubCommand = {
  scope: 'operations:read',
  ends: true,
  run(session, _input, reply) {
    session.following.unsubscribeAll();
    const top = { status: 'unsubscribed' };
    reply.send(answer(reply.requestId, { top, eventType: 'unsubscribed', data: { all: true } }));
  },
};

const getOperation: HubCommand = {
  scope: 'operations:read',
  async run(session, input, reply) {
    // An invalid id matches no operation: null, as for an unknown one.
    const { operation_id: id } = input;
    const found =
      typeof id === 'string' ? await session.dependencies.operations.find(session.tenant, id) : null;
    const log = found && (await session.dependencies.places.tokenOfOperation(found));
    const operation = found && fitSnapshot({ ...toSnapshot(found), log: log! });
    const operationId = typeof id === 'string' ? id.slice(0, 200) : 'system';
    reply.send(
      answer(reply.requestId, {
        top: { operation },
        eventType: 'operation',
        operationId,
        data: { operation },
      }),
    );
  },
};

const listOperations: HubCommand = {
  scope: 'operations:read',
  async run(session, input, reply) {
    const page = await session.dependencies.operations.list(session.tenant, parseListQuery(input));
    const operations = fitPage(page.operations.map((operation) => toSnapshot(operation, false)));
    // If fewer fit, the page ends earlier; its cursor is the number of its last operation.
    const cut = page.operations[operations.length - 1];
    const nextCursor =
      operations.length < page.operations.length && cut ? String(cut.number) : page.nextCursor;
    const data = { operations, next_cursor: nextCursor };
    reply.send(answer(reply.requestId, { top: { status: 'listed' }, eventType: 'operations', data }));
  },
};

const getHistory: HubCommand = {
  scope: 'operations:read',
  async run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    const wanted = wholeNumber(input.after_seq, 'after_seq') ?? 0;
    const { places } = session.dependencies;
    const place = await places.checkOperation(session.tenant, operationId, wanted, input.log);
    const { after } = place;
    const bounds = { limit: pageLimit(input.limit, MAX_HISTORY_PAGE, 100), maxBytes: HISTORY_PAGE_BYTES };
    const page = await session.dependencies.operations.history(session.tenant, operationId, after, bounds);
    const events = fitEvents(page.events);
    const last = events.last?.seq ?? after;
    const { requestId } = reply;
    const id = requestId === undefined ? '' : `,"request_id":${JSON.stringify(requestId)}`;
    // The events are already JSON.
    reply.send(
      `{"status":"history","operation_id":"${operationId}","event_type":"history","timestamp":${Date.now() / 1000},` +
        `"data":{"events":[${events.texts.join(',')}],"first_seq":${page.first},` +
        `"head_seq":${page.head},"has_more":${last < page.head},"history_trimmed":${after + 1 < page.first},` +
        `"log":"${place.log}"${place.lost ? `,"history_lost":true,"kept_through":${after}` : ''}}${id}}`,
    );
  },
};

const getStats: HubCommand = {
  scope: 'operations:read',
  async run(session, _input, reply) {
    const stats = await session.dependencies.status.stats(session.tenant);
    reply.send(answer(reply.requestId, { top: { stats }, eventType: 'stats', data: { stats } }));
  },
};

const createOperation: HubCommand = {
  scope: 'operations:write',
  append: true,
  async run(session, input, reply) {
    const { operation, created } = await session.dependencies.operations.create(session.tenant, {
      operationType: input.operation_type,
      metadata: input.metadata,
      operationId: input.operation_id,
      leaseSeconds: input.lease_seconds,
    });
    const { operationId } = operation;
    const log = await session.dependencies.places.tokenOfOperation(operation);
    const snapshot = fitSnapshot({ ...toSnapshot(operation), log });
    reply.send(
      answer(reply.requestId, {
        top: { status: created ? 'created' : 'exists', operation: snapshot },
        eventType: 'created',
        operationId,
        data: { operation: snapshot, created },
      }),
    );
  },
};

/** Members of a message that records an event; `type`, `id` and `timestamp` belong to the agents protocol. */
const EMIT_MEMBERS = new Set([
  'command',
  'request_id',
  'type',
  'id',
  'timestamp',
  'operation_id',
  'event_type',
  'data',
  'event_id',
]);

const emit: HubCommand = {
  scope: 'operations:write',
  append: true,
  async run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    onlyMembers(input, EMIT_MEMBERS);
    const draft = parseEventData(input.event_type, input.data, operationId, input.event_id);
    const receipt = await session.dependencies.operations.append(session.tenant, operationId, draft);
    reply.send(recordedAnswer(reply.requestId, operationId, receipt.seq, receipt.repeated));
  },
};

const renew: HubCommand = {
  scope: 'operations:write',
  append: true,
  async run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    await session.dependencies.operations.appendAll(session.tenant, operationId, []);
    const top = { status: 'renewed' };
    reply.send(answer(reply.requestId, { top, eventType: 'renewed', operationId, data: {} }));
  },
};

const cancelOperation: HubCommand = {
  scope: 'operations:write',
  append: true,
  ends: true,
  async run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    const draft = parseDraft('cancelled', { reason: input.reason }, input.event_id);
    const receipt = await session.dependencies.operations.append(session.tenant, operationId, draft);
    const { principal, address } = session.connection;
    if (!receipt.repeated) {
      session.dependencies.audit.acted(
        'operation_cancelled',
        principal,
        { address },
        { target: operationId },
      );
    }
    const top = { status: 'cancelled' };
    const data = { seq: receipt.seq, repeated: receipt.repeated };
    reply.send(answer(reply.requestId, { top, eventType: 'recorded', operationId, data }));
  },
};

const authenticate: HubCommand = {
  scope: null,
  async run(session, input, reply) {
    const { token } = input;
    if (typeof token !== 'string') throw new OpstreamError('invalid_request', 'token must be a string');
    const { userId, expiresAt = null } = await session.authenticate(token);
    const top = { status: 'authenticated' };
    const data = { user_id: userId, expires_at: expiresAt };
    reply.send(answer(reply.requestId, { top, eventType: 'authenticated', data }));
  },
};

const ping: HubCommand = {
  scope: 'operations:read',
  run(session, _input, reply) {
    reply.send(answer(reply.requestId, { top: { status: 'pong' }, eventType: 'pong', data: {} }));
  },
};

/** All commands of the hub protocol (docs/protocol.md), by name. */
export const HUB_COMMANDS: ReadonlyMap<string, HubCommand> = new Map([
  ['subscribe', subscribe],
  ['unsubscribe', unsubscribe],
  ['subscribe_all', subscribeAll],
  ['unsubscribe_all', unsubscribeAll],
  ['get_operation', getOperation],
  ['list_operations', listOperations],
  ['get_history', getHistory],
  ['get_stats', getStats],
  ['create_operation', createOperation],
  ['emit', emit],
  ['renew', renew],
  ['cancel_operation', cancelOperation],
  ['authenticate', authenticate],
  ['ping', ping],
]);
