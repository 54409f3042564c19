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
import type { CommandDefinition, HubCommandDefinition } from './command-session.js';
import type { HubCommandName } from '../../client/protocol/hub-commands.js';
import { unixSeconds } from '../../platform/unix-seconds.js';
import { answer, recordedAnswer } from './answer.js';

/** Maximum events of one `get_history` page. */
const MAX_HISTORY_PAGE = 1000;
const HISTORY_PAGE_BYTES = 512 * 1024;

const subscribe: HubCommandDefinition<'subscribe'> = {
  scope: 'operations:read',
  async run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    const after = boolean(input.replay, 'replay') ? 0 : wholeNumber(input.after_seq, 'after_seq');
    const known = wholeNumber(input.known_seq, 'known_seq');
    const coalesce = boolean(input.coalesce, 'coalesce');
    const { places } = session.dependencies;
    const place = await places.checkOperation(
      { tenant: session.tenant, operationId },
      after ?? 0,
      input.log,
      known,
    );
    session.following.subscribe(operationId, after === undefined ? undefined : place.after, coalesce);
    const { log } = place;
    reply.send(
      answer<'subscribe'>(reply.requestId, {
        status: 'subscribed',
        operation_id: operationId,
        event_type: 'subscribed',
        data: { operation_id: operationId, after_seq: after, log, ...lossOf(place, place.after) },
      }),
    );
    if (place.lost) session.following.tellLost({ id: operationId, keptThrough: place.after, log });
  },
};

/** A client that disconnects before the notice arrives must not mistake the new log for the one it knows. */
function lossOf<Place extends number | string>(
  { lost }: CheckedPlace,
  keptThrough: Place,
): { history_lost?: true; kept_through?: Place } {
  return lost ? { history_lost: true, kept_through: keptThrough } : {};
}

const unsubscribe: HubCommandDefinition<'unsubscribe'> = {
  scope: 'operations:read',
  ends: true,
  run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    session.following.unsubscribe(operationId);
    reply.send(
      answer<'unsubscribe'>(reply.requestId, {
        status: 'unsubscribed',
        operation_id: operationId,
        event_type: 'unsubscribed',
        data: { operation_id: operationId },
      }),
    );
  },
};

const subscribeAll: HubCommandDefinition<'subscribe_all'> = {
  scope: 'operations:read',
  async run(session, input, reply) {
    const coalesce = boolean(input.coalesce, 'coalesce');
    const { operations, places } = session.dependencies;
    const given = placeAndLog(input.after, input.log);
    // "From now on" becomes a position, too: a client that disconnects before its first event can resume from it.
    const wanted = parsePosition(given.place) ?? (await operations.headOf(session.tenant));
    const place = await places.check(session.tenant, wanted, given.log);
    const { after, lost, log } = place;
    const position = String(after);
    reply.send(
      answer<'subscribe_all'>(reply.requestId, {
        status: 'subscribed',
        event_type: 'subscribed',
        data: { all: true, position, log, ...lossOf(place, position) },
      }),
    );
    if (lost) session.following.tellLost({ id: null, keptThrough: after, log });
    session.following.subscribeAll(after, coalesce);
  },
};

const unsubscribeAll: HubCommandDefinition<'unsubscribe_all'> = {
  scope: 'operations:read',
  ends: true,
  run(session, _input, reply) {
    session.following.unsubscribeAll();
    reply.send(
      answer<'unsubscribe_all'>(reply.requestId, {
        status: 'unsubscribed',
        event_type: 'unsubscribed',
        data: { all: true },
      }),
    );
  },
};

const getOperation: HubCommandDefinition<'get_operation'> = {
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

const listOperations: HubCommandDefinition<'list_operations'> = {
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

const getHistory: HubCommandDefinition<'get_history'> = {
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

const getStats: HubCommandDefinition<'get_stats'> = {
  scope: 'operations:read',
  async run(session, _input, reply) {
    const stats = await session.dependencies.status.stats(session.tenant);
    reply.send(answer<'get_stats'>(reply.requestId, { stats, event_type: 'stats', data: { stats } }));
  },
};

const createOperation: HubCommandDefinition<'create_operation'> = {
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
      answer<'create_operation'>(reply.requestId, {
        status: created ? 'created' : 'exists',
        operation: snapshot,
        operation_id: operationId,
        event_type: 'created',
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

const emit: HubCommandDefinition<'emit'> = {
  scope: 'operations:write',
  append: true,
  async run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    onlyMembers(input, EMIT_MEMBERS);
    const draft = parseEventData(input.event_type, input.data, operationId, input.event_id);
    const receipt = await session.dependencies.operations.append(
      { tenant: session.tenant, operationId },
      draft,
    );
    reply.send(recordedAnswer(reply.requestId, operationId, receipt.seq, receipt.repeated));
  },
};

const renew: HubCommandDefinition<'renew'> = {
  scope: 'operations:write',
  append: true,
  async run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    await session.dependencies.operations.appendAll({ tenant: session.tenant, operationId }, []);
    reply.send(
      answer<'renew'>(reply.requestId, {
        status: 'renewed',
        operation_id: operationId,
        event_type: 'renewed',
        data: {},
      }),
    );
  },
};

const cancelOperation: HubCommandDefinition<'cancel_operation'> = {
  scope: 'operations:write',
  append: true,
  ends: true,
  async run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    const draft = parseDraft('cancelled', { reason: input.reason }, input.event_id);
    const receipt = await session.dependencies.operations.append(
      { tenant: session.tenant, operationId },
      draft,
    );
    const { principal, address } = session.connection;
    if (!receipt.repeated) {
      session.dependencies.audit.acted(
        'operation_cancelled',
        principal,
        { address },
        { target: operationId },
      );
    }
    reply.send(
      answer<'cancel_operation'>(reply.requestId, {
        status: 'cancelled',
        operation_id: operationId,
        event_type: 'recorded',
        data: { seq: receipt.seq, repeated: receipt.repeated },
      }),
    );
  },
};

const authenticate: HubCommandDefinition<'authenticate'> = {
  scope: null,
  async run(session, input, reply) {
    const { token } = input;
    if (typeof token !== 'string') throw new OpstreamError('invalid_request', 'token must be a string');
    const { userId, expiresAt = null } = await session.authenticate(token);
    reply.send(
      answer<'authenticate'>(reply.requestId, {
        status: 'authenticated',
        event_type: 'authenticated',
        data: { user_id: userId, expires_at: expiresAt },
      }),
    );
  },
};

const ping: HubCommandDefinition<'ping'> = {
  scope: 'operations:read',
  run(session, _input, reply) {
    reply.send(answer<'ping'>(reply.requestId, { status: 'pong', event_type: 'pong', data: {} }));
  },
};

/** Those of Durable Streams come from their own feature. */
type OperationCommandName = Exclude<HubCommandName, 'subscribe_stream' | 'unsubscribe_stream'>;

const commands: { readonly [Name in OperationCommandName]: HubCommandDefinition<Name> } = {
  subscribe,
  unsubscribe,
  subscribe_all: subscribeAll,
  unsubscribe_all: unsubscribeAll,
  get_operation: getOperation,
  list_operations: listOperations,
  get_history: getHistory,
  get_stats: getStats,
  create_operation: createOperation,
  emit,
  renew,
  cancel_operation: cancelOperation,
  authenticate,
  ping,
};

/** All commands of the hub protocol (docs/protocol.md), by name. */
export const HUB_COMMANDS: ReadonlyMap<string, CommandDefinition> = new Map(Object.entries(commands));
