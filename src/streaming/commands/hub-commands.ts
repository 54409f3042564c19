import {
  onlyMembers,
  parseDraft,
  parseEventData,
  parseOperationId,
} from '../../operations/operation-draft.js';
import { toSnapshot } from '../../operations/operation-snapshot.js';
import {
  boolean,
  pageLimit,
  parseListQuery,
  parsePosition,
  wholeNumber,
} from '../../operations/rest/request-values.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { HubCommand } from './command-session.js';
import { answer, recordedAnswer } from './answer.js';

/** Events of one `get_history` page. */
const MAX_HISTORY_PAGE = 1000;
const HISTORY_PAGE_BYTES = 512 * 1024;
/** Reads as little as possible: only where the log stands is wanted. */
const HEAD_ONLY = { limit: 1, maxBytes: 1 };

const subscribe: HubCommand = {
  scope: 'operations:read',
  run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    const after = boolean(input.replay, 'replay') ? 0 : wholeNumber(input.after_seq, 'after_seq');
    const coalesce = boolean(input.coalesce, 'coalesce');
    session.following.subscribe(operationId, after, coalesce);
    const data = { operation_id: operationId, after_seq: after };
    const top = { status: 'subscribed', operation_id: operationId };
    reply.send(answer(reply.requestId, { top, eventType: 'subscribed', operationId, data }));
  },
};

const unsubscribe: HubCommand = {
  scope: 'operations:read',
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
    const { operations } = session.dependencies;
    // "From now on" becomes a position, too: a client that is cut off before its first event can continue from it.
    const after =
      parsePosition(input.after) ?? (await operations.historyOfAll(session.tenant, 0, HEAD_ONLY)).head;
    const data = { all: true, position: String(after) };
    reply.send(answer(reply.requestId, { top: { status: 'subscribed' }, eventType: 'subscribed', data }));
    session.following.subscribeAll(after, coalesce);
  },
};

const unsubscribeAll: HubCommand = {
  scope: 'operations:read',
  run(session, _input, reply) {
    session.following.unsubscribeAll();
    const top = { status: 'unsubscribed' };
    reply.send(answer(reply.requestId, { top, eventType: 'unsubscribed', data: { all: true } }));
  },
};

const getOperation: HubCommand = {
  scope: 'operations:read',
  async run(session, input, reply) {
    // What is no valid id names no operation: null, as for an unknown one.
    const { operation_id: id } = input;
    const found =
      typeof id === 'string' ? await session.dependencies.operations.find(session.tenant, id) : null;
    const operation = found && toSnapshot(found);
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
    const operations = page.operations.map((operation) => toSnapshot(operation, false));
    const data = { operations, next_cursor: page.nextCursor };
    reply.send(answer(reply.requestId, { top: { status: 'listed' }, eventType: 'operations', data }));
  },
};

const getHistory: HubCommand = {
  scope: 'operations:read',
  async run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    const after = wholeNumber(input.after_seq, 'after_seq') ?? 0;
    const bounds = { limit: pageLimit(input.limit, MAX_HISTORY_PAGE, 100), maxBytes: HISTORY_PAGE_BYTES };
    const page = await session.dependencies.operations.history(session.tenant, operationId, after, bounds);
    const last = page.events.at(-1)?.seq ?? after;
    const { requestId } = reply;
    const id = requestId === undefined ? '' : `,"request_id":${JSON.stringify(requestId)}`;
    // The events are JSON already.
    reply.send(
      `{"status":"history","operation_id":"${operationId}","event_type":"history","timestamp":${Date.now() / 1000},` +
        `"data":{"events":[${page.events.map((event) => event.json).join(',')}],"first_seq":${page.first},` +
        `"head_seq":${page.head},"has_more":${last < page.head},"history_trimmed":${after + 1 < page.first}}${id}}`,
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
    });
    const { operationId } = operation;
    const snapshot = toSnapshot(operation);
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

/** What a message that records an event may carry; `type`, `id` and `timestamp` are those of the agents protocol. */
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

const cancelOperation: HubCommand = {
  scope: 'operations:write',
  append: true,
  async run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    const draft = parseDraft('cancelled', { reason: input.reason }, input.event_id);
    const receipt = await session.dependencies.operations.append(session.tenant, operationId, draft);
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

/** Every command of the hub protocol (docs/protocol.md), by its name on the wire. */
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
  ['cancel_operation', cancelOperation],
  ['authenticate', authenticate],
  ['ping', ping],
]);
