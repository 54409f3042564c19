import type { JsonValue } from '../json.js';
import type {
  HubCommand,
  HubCommandName,
  SubscribeStreamCommand,
  UnsubscribeStreamCommand,
} from './hub-commands.js';
import type { HubAnswers } from './hub-messages.js';
import type { OperationEvent } from './operation-events.js';

/** The agents protocol (docs/agents.md): JSON objects with a `type`, in both directions. */

/** Chosen by the client, and returned with the answer. */
export type MessageId = JsonValue;

/** Agent ids may be strings or numbers. */
export type AgentId = string | number;

interface Request<Type extends string> {
  type: Type;
  id?: MessageId;
}

export type AgentPing = Request<'ping'>;

/** Reports the status of an agent to every connection of the tenant. */
export interface AgentStatus extends Request<'agent_status'> {
  agentId: AgentId;
  status: string;
}

/** Executed in order; a bad message fails alone. */
export interface AgentBatch extends Request<'batch'> {
  messages: (AgentPing | AgentStatus | AgentHubCommand)[];
}

/** The hub's commands but those for Durable Streams. */
type SharedCommand = Exclude<HubCommand, SubscribeStreamCommand | UnsubscribeStreamCommand>;
type SharedCommandName = SharedCommand['command'];

/** A hub command whose name is the `type`. One that is sent unchanged, with its name in `command`, works, too. */
export type AgentHubCommand = SharedCommand extends infer Command
  ? Command extends SharedCommand
    ? Omit<Command, 'command' | 'request_id'> & Request<Command['command']>
    : never
  : never;

export type AgentRequest = AgentPing | AgentStatus | AgentBatch | AgentHubCommand;

interface Message<Type extends string> {
  type: Type;
  /** ISO 8601. */
  timestamp: string;
}

interface Reply<Type extends string> extends Message<Type> {
  /** That of the request, when it had one. */
  id?: MessageId;
}

/** The greeting of a new connection. */
export interface ConnectionEstablished extends Message<'connection_established'> {
  message: string;
}

export type AgentPong = Reply<'pong'>;

export interface AgentStatusAck extends Reply<'agent_status_ack'> {
  agentId: AgentId;
}

export interface AgentStatusUpdate extends Message<'agent_status_update'> {
  agentId: AgentId;
  status: string;
}

/** The answer to a frame that could not be handled at all, or to an unknown type. */
export interface AgentError extends Reply<'error'> {
  message: string;
  error?: string;
  /** From the table of errors in docs/protocol.md. */
  code: string;
  /** Details of some codes, such as `state`. */
  [detail: string]: JsonValue | undefined;
}

/** The answer to a hub command: `result` is the hub's answer. */
export interface AgentSuccess<Name extends HubCommandName = SharedCommandName> extends Reply<'response'> {
  status: 'success';
  result: { processed: true } & HubAnswers[Name];
}

/** The answer to a hub command that was refused. */
export interface AgentRefusal extends Reply<'response'> {
  status: 'error';
  error: string;
  code: string;
}

/** One answer per message of the batch, in the same order. */
export interface AgentBatchResponse extends Reply<'batch_response'> {
  responses: (BatchSuccess | Omit<AgentRefusal, 'timestamp'>)[];
}

/** `result` is the message's own answer. */
interface BatchSuccess extends Omit<AgentSuccess, 'timestamp' | 'result'> {
  result: { processed: true } & (AgentPong | AgentStatusAck | HubAnswers[SharedCommandName]);
}

/** An event of a subscription; `event` is exactly the hub's. */
export interface AgentOperationEvent extends Message<'operation_event'> {
  event: OperationEvent;
}

/** Events after the subscriber's place are gone: of one operation, or, when all are followed, of their log. */
export type AgentHistoryTrimmed = Message<'history_trimmed'> &
  (
    | { operation_id: string; after_seq: number; first_seq: number | null }
    | { after: string; first_position: string | null }
  );

/** The service has another log than the one that was followed; the stream continues after `kept_through`. */
export type AgentHistoryLost = Message<'history_lost'> &
  ({ operation_id: string; kept_through: number; log: string } | { kept_through: string; log: string });

export type AgentMessage =
  | ConnectionEstablished
  | AgentPong
  | AgentStatusAck
  | AgentStatusUpdate
  | AgentError
  | AgentSuccess
  | AgentRefusal
  | AgentBatchResponse
  | AgentOperationEvent
  | AgentHistoryTrimmed
  | AgentHistoryLost;
