import type { Logger } from '@nestjs/common';
import type { AgentPing, AgentStatus } from '../../client/protocol/agent-messages.js';
import type { JsonObject, JsonValue } from '../../platform/json.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { CommandDefinition, Unchecked } from '../commands/command-session.js';
import { HUB_COMMANDS } from '../commands/hub-commands.js';
import { message } from './agent-answer.js';
import type { AgentRoom } from './agent-room.js';

const MAX_NAME = 200;

/** The commands of the agents protocol: its own messages and every hub command. */
export interface AgentCommand {
  readonly definition: CommandDefinition;
  /** Its answer is a message of its own; a hub command's answer is wrapped in a `response`. */
  readonly own: boolean;
}

const ping: CommandDefinition<Unchecked<AgentPing>> = {
  scope: null,
  run(_session, { id }, reply) {
    reply.send(message('pong', { id }));
  },
};

/** Finds the command of a message by `type`, or by `command` when a hub command is sent unchanged. */
export class AgentCommands {
  private readonly agentStatus: CommandDefinition<Unchecked<AgentStatus>>;

  constructor(room: AgentRoom, logger: Logger) {
    this.agentStatus = {
      scope: 'operations:write',
      run({ connection, tenant }, { id, agentId: agentIdGiven, status: statusGiven }, reply) {
        // Some applications use numbers as agent ids.
        const agentId = isNumber(agentIdGiven) ? agentIdGiven : name(agentIdGiven, 'agentId');
        const status = name(statusGiven, 'status');
        logger.log({ event: 'agent_status_update', agentId, status, tenant });
        const sentCount = room.report(connection, agentId, status);
        const messageType = 'agent_status_update';
        logger.debug({ event: 'websocket_broadcast', clientCount: room.size, sentCount, messageType });
        reply.send(message('agent_status_ack', { id, agentId }));
      },
    };
  }

  find({ type, command }: JsonObject): AgentCommand | undefined {
    if (type === 'ping') return { definition: ping, own: true };
    if (type === 'agent_status') return { definition: this.agentStatus, own: true };
    const named = type ?? command;
    const definition = typeof named === 'string' ? HUB_COMMANDS.get(named) : undefined;
    return definition && { definition, own: false };
  }
}

function isNumber(value: JsonValue | undefined): value is number {
  return Number.isSafeInteger(value);
}

function name(value: JsonValue | undefined, member: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= MAX_NAME) return value;
  const orNumber = member === 'agentId' ? ', or a whole number' : '';
  throw new OpstreamError(
    'invalid_request',
    `${member} must be a string of 1 to ${MAX_NAME} characters${orNumber}`,
  );
}
