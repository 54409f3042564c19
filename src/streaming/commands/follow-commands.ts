import { parseOperationId } from '../../operations/operation-draft.js';
import type { CheckedPlace } from '../../operations/log-places.js';
import { boolean, parsePosition, placeAndLog, wholeNumber } from '../../operations/rest/request-values.js';
import type { HubCommandDefinition } from './command-session.js';
import { answer } from './answer.js';

export const subscribe: HubCommandDefinition<'subscribe'> = {
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

export const unsubscribe: HubCommandDefinition<'unsubscribe'> = {
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

export const subscribeAll: HubCommandDefinition<'subscribe_all'> = {
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

export const unsubscribeAll: HubCommandDefinition<'unsubscribe_all'> = {
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
