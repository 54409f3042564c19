import { userOf } from '../../auth/principal.js';
import {
  attributed,
  onlyMembers,
  parseDraft,
  parseEventData,
  parseOperationId,
} from '../../operations/operation-draft.js';
import { cancelTree, type CancelledTree } from '../../operations/cancel-children.js';
import { boolean } from '../../operations/rest/request-values.js';
import { cacheAudience } from '../../operations/result-cache.js';
import { toSnapshot } from '../../operations/operation-snapshot.js';
import { fitSnapshot } from './fit-answer.js';
import type { HubCommandDefinition } from './command-session.js';
import { answer, recordedAnswer } from './answer.js';

export const createOperation: HubCommandDefinition<'create_operation'> = {
  scope: 'operations:write',
  append: true,
  async run(session, input, reply) {
    const { operation, created, cached } = await session.dependencies.operations.create(session.tenant, {
      operationType: input.operation_type,
      metadata: input.metadata,
      operationId: input.operation_id,
      leaseSeconds: input.lease_seconds,
      parentOperationId: input.parent_operation_id,
      createdBy: userOf(session.connection.principal),
      cacheKey: input.cache_key,
      ttl: input.ttl,
      audience: cacheAudience(session.connection.principal),
    });
    const { operationId } = operation;
    const log = await session.dependencies.places.tokenOfOperation(operation);
    const snapshot = fitSnapshot({ ...toSnapshot(operation), log });
    reply.send(
      answer<'create_operation'>(reply.requestId, {
        status: cached ? 'cached' : created ? 'created' : 'exists',
        operation: snapshot,
        operation_id: operationId,
        event_type: 'created',
        data: { operation: snapshot, created, ...(input.cache_key != null && { cached }) },
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

export const emit: HubCommandDefinition<'emit'> = {
  scope: 'operations:write',
  append: true,
  async run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    onlyMembers(input, EMIT_MEMBERS);
    const draft = attributed(
      parseEventData(input.event_type, input.data, operationId, input.event_id),
      userOf(session.connection.principal),
    );
    const receipt = await session.dependencies.operations.append(
      { tenant: session.tenant, operationId },
      draft,
    );
    reply.send(recordedAnswer(reply.requestId, operationId, receipt.seq, receipt.repeated));
  },
};

export const renew: HubCommandDefinition<'renew'> = {
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

export const cancelOperation: HubCommandDefinition<'cancel_operation'> = {
  scope: 'operations:write',
  append: true,
  ends: true,
  async run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    const { principal, address } = session.connection;
    const { operations } = session.dependencies;
    const key = { tenant: session.tenant, operationId };
    const cancellation = parseDraft('cancelled', { reason: input.reason }, input.event_id);
    const draft = attributed(cancellation, userOf(principal));
    const tree = boolean(input.children, 'children') ? await cancelTree(operations, key, draft) : undefined;
    const receipt = tree?.receipt ?? (await operations.append(key, draft));
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
        data: { seq: receipt.seq, repeated: receipt.repeated, ...(tree && childrenIn(tree)) },
      }),
    );
  },
};

/** How many: their ids are found by their parent. */
function childrenIn({ cancelled, incomplete }: CancelledTree): object {
  return { children_cancelled: cancelled.length, ...(incomplete && { children_incomplete: true }) };
}
