import { parseInputKey } from '../../operations/input-draft.js';
import { parseOperationId } from '../../operations/operation-draft.js';
import { parseAnswer } from '../../operations/rest/input-body.js';
import { answer } from './answer.js';
import type { HubCommandDefinition } from './command-session.js';

export const requestInput: HubCommandDefinition<'request_input'> = {
  scope: 'operations:write',
  async run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    const key = parseInputKey(input.key);
    const { message, schema, timeout } = input;
    const { seq, repeated } = await session.dependencies.inputs.request(
      { tenant: session.tenant, operationId },
      { message, schema, key, timeout },
      input.event_id,
    );
    reply.send(
      answer<'request_input'>(reply.requestId, {
        status: 'requested',
        operation_id: operationId,
        event_type: 'recorded',
        data: { key, seq, repeated },
      }),
    );
  },
};

export const answerInput: HubCommandDefinition<'answer_input'> = {
  scope: 'operations:write',
  async run(session, input, reply) {
    const operationId = parseOperationId(input.operation_id);
    const key = parseInputKey(input.key);
    const given = parseAnswer(input.answer, input.declined);
    const { inputs, audit } = session.dependencies;
    const { principal, address } = session.connection;
    const { seq, repeated } = await inputs.answer(
      { tenant: session.tenant, operationId },
      key,
      { ...given, by: principal.userId },
      input.event_id,
    );
    const action = given.declined ? 'input_declined' : 'input_answered';
    if (!repeated) audit.acted(action, principal, { address }, { target: operationId, key });
    reply.send(
      answer<'answer_input'>(reply.requestId, {
        status: given.declined ? 'declined' : 'answered',
        operation_id: operationId,
        event_type: 'recorded',
        data: { seq, repeated },
      }),
    );
  },
};
