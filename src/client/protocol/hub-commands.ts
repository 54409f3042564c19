import type { JsonObject, JsonValue } from '../json.js';
import type { EventFilter, ProducerEventData, ProducerEventType } from './operation-events.js';

/**
 * What a client sends to the hub, one JSON object per text frame (docs/protocol.md, "Hub"). An optional member that
 * is null counts as absent.
 */

/** Chosen by the client, and returned with the answer; a string has at most 200 characters. */
export type RequestId = string | number;

interface Command<Name extends string> {
  command: Name;
  request_id?: RequestId;
}

interface OperationCommand<Name extends string> extends Command<Name> {
  operation_id: string;
}

export interface SubscribeCommand extends OperationCommand<'subscribe'> {
  /** Start after this event; by default, from now on. */
  after_seq?: number;
  /** The log that `after_seq` belongs to. */
  log?: string;
  /** The latest seq you have, when you start before it. */
  known_seq?: number;
  /** Same as `after_seq: 0`. */
  replay?: boolean;
  /** Omit `progress` that a later one supersedes, while catching up. */
  coalesce?: boolean;
}

export type UnsubscribeCommand = OperationCommand<'unsubscribe'>;

export interface SubscribeAllCommand extends Command<'subscribe_all'> {
  /** Start after the event at this position; by default, from now on. */
  after?: string;
  /** The log that `after` belongs to. */
  log?: string;
  coalesce?: boolean;
}

export type UnsubscribeAllCommand = Command<'unsubscribe_all'>;

export interface SubscribeStreamCommand extends Command<'subscribe_stream'> {
  path: string;
  /** `-1`, the default, is the beginning of the stream, and `now` its end. */
  offset?: string;
}

export interface UnsubscribeStreamCommand extends Command<'unsubscribe_stream'> {
  path: string;
}

export type GetOperationCommand = OperationCommand<'get_operation'>;

/** Which operations a listing or a live list is about. */
export interface OperationFilter {
  /** `active` for all that have not ended. */
  status?: string;
  /** A type, or the beginning of one and `*`. */
  type?: string;
  /** Text in the id, the type, the message or the metadata; ASCII letters match in either case. */
  q?: string;
  /** Unix seconds or ISO 8601, this moment included. */
  started_after?: number | string;
  /** Unix seconds or ISO 8601, this moment excluded. */
  started_before?: number | string;
  /** Seconds; only operations that have ended have a duration. */
  min_duration?: number;
  /** Whether anything went wrong: it failed, or logged an error. */
  has_errors?: boolean;
  parent_operation_id?: string;
  created_by?: string;
}

export interface ListOperationsCommand extends Command<'list_operations'>, OperationFilter {
  /** Highest first; `started` by default. Running operations have no duration and come last. */
  sort?: 'started' | 'updated' | 'duration';
  /** Also count the operations that match, by state, regardless of their status. */
  counts?: boolean;
  limit?: number;
  /** The `next_cursor` of the previous page. */
  cursor?: string;
}

export interface GetHistoryCommand extends OperationCommand<'get_history'>, EventFilter {
  /** The log that `after_seq` or `before_seq` belongs to. */
  log?: string;
}

export type GetStatsCommand = Command<'get_stats'>;

export interface CreateOperationCommand extends Command<'create_operation'> {
  operation_type: string;
  metadata?: JsonObject;
  /** Your own id makes the command repeatable; by default, the service chooses one. */
  operation_id?: string;
  lease_seconds?: number;
  /** The operation that this one is a part of. */
  parent_operation_id?: string;
  /** Shares the work with everyone who opens this type with this key. */
  cache_key?: string;
  /** Seconds after its end that the result may be handed out; needs a `cache_key`. */
  ttl?: number;
}

/** Records one event. */
export type EmitCommand = {
  [Type in ProducerEventType]: EmitCommandOf<Type>;
}[ProducerEventType];

export interface EmitCommandOf<Type extends ProducerEventType> extends OperationCommand<'emit'> {
  event_type: Type;
  data: ProducerEventData[Type];
  /** Your own id of the event makes the command repeatable. */
  event_id?: string;
}

export type RenewCommand = OperationCommand<'renew'>;

export interface CancelOperationCommand extends OperationCommand<'cancel_operation'> {
  reason?: string;
  event_id?: string;
  /** Cancel everything that runs below it as well. */
  children?: boolean;
}

/** Asks for input; the operation's status becomes `input_required`. */
export interface RequestInputCommand extends OperationCommand<'request_input'> {
  /** Names the request. */
  key: string;
  message: string;
  /** JSON Schema that an answer must match; any JSON by default. */
  schema?: JsonObject | null;
  /** Seconds until it expires; by default it stays open while the operation runs. */
  timeout?: number | null;
  event_id?: string;
}

/** Answers or declines an open request. */
export interface AnswerInputCommand extends OperationCommand<'answer_input'> {
  key: string;
  answer?: JsonValue;
  declined?: boolean;
  event_id?: string;
}

export interface AuthenticateCommand extends Command<'authenticate'> {
  token: string;
}

export type PingCommand = Command<'ping'>;

export type HubCommand =
  | SubscribeCommand
  | UnsubscribeCommand
  | SubscribeAllCommand
  | UnsubscribeAllCommand
  | SubscribeStreamCommand
  | UnsubscribeStreamCommand
  | GetOperationCommand
  | ListOperationsCommand
  | GetHistoryCommand
  | GetStatsCommand
  | CreateOperationCommand
  | EmitCommand
  | RenewCommand
  | CancelOperationCommand
  | RequestInputCommand
  | AnswerInputCommand
  | AuthenticateCommand
  | PingCommand;

export type HubCommandName = HubCommand['command'];

export type HubCommandOf<Name extends HubCommandName> = Extract<HubCommand, { command: Name }>;
