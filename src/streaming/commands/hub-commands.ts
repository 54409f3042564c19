import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { CommandDefinition, HubCommandDefinition } from './command-session.js';
import type { HubCommandName } from '../../client/protocol/hub-commands.js';
import { answer } from './answer.js';
import { subscribe, unsubscribe, subscribeAll, unsubscribeAll } from './follow-commands.js';
import { getOperation, listOperations, getHistory, getStats } from './read-commands.js';
import { answerInput, requestInput } from './input-commands.js';
import { createOperation, emit, renew, cancelOperation } from './record-commands.js';

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
  request_input: requestInput,
  answer_input: answerInput,
  authenticate,
  ping,
};

/** All commands of the hub protocol (docs/protocol.md), by name. */
export const HUB_COMMANDS: ReadonlyMap<string, CommandDefinition> = new Map(Object.entries(commands));
