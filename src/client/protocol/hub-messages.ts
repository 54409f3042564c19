import type { JsonValue } from '../json.js';
import type { HubCommandName, RequestId } from './hub-commands.js';
import type {
  EventPage,
  HistoryLost,
  HistoryTrimmed,
  OperationRemoved,
  OperationEvent,
  OperationPage,
  OperationSnapshot,
  SearchedEventPage,
  ServerStats,
} from './operation-events.js';

/**
 * What the hub sends (docs/protocol.md, "Hub"). Every message has the envelope of an event; answers carry the members
 * that existing clients read at the top level, too.
 */

interface Envelope<Type extends string, Data> {
  event_type: Type;
  /** `system` for what belongs to no operation. */
  operation_id: string;
  /** Unix seconds with fraction. */
  timestamp: number;
  data: Data;
}

interface Answer<Type extends string, Data> extends Envelope<Type, Data> {
  /** That of the command, when it had one. */
  request_id?: RequestId;
}

/** The greeting of a new connection. */
export type ConnectedMessage = Envelope<
  'connected',
  {
    message: string;
    client_id: number;
    /** Id of the tenant's current log. */
    log: string;
    /** ISO 8601 without a zone. */
    timestamp: string;
  }
>;

/** Where a client is told that its place belongs to another log. */
interface LossNotice<Place> {
  history_lost?: true;
  /** What the client has is valid up to here. */
  kept_through?: Place;
}

export interface SubscribedAnswer extends Answer<
  'subscribed',
  LossNotice<number> & { operation_id: string; after_seq?: number; log: string }
> {
  status: 'subscribed';
}

export interface SubscribedAllAnswer extends Answer<
  'subscribed',
  LossNotice<string> & { all: true; position: string; log: string }
> {
  status: 'subscribed';
}

export interface SubscribedStreamAnswer extends Answer<
  'subscribed',
  { path: string; offset: string; content_type: string; closed: boolean }
> {
  status: 'subscribed';
}

export interface UnsubscribedAnswer extends Answer<'unsubscribed', { operation_id: string }> {
  status: 'unsubscribed';
}

export interface UnsubscribedAllAnswer extends Answer<'unsubscribed', { all: true }> {
  status: 'unsubscribed';
}

export interface UnsubscribedStreamAnswer extends Answer<'unsubscribed', { path: string }> {
  status: 'unsubscribed';
}

/** `operation` is null for one that the service does not know. */
export interface OperationAnswer extends Answer<'operation', { operation: OperationSnapshot | null }> {
  operation: OperationSnapshot | null;
}

export interface OperationsAnswer extends Answer<'operations', OperationPage> {
  status: 'listed';
}

export interface HistoryAnswer extends Answer<'history', EventPage | SearchedEventPage> {
  status: 'history';
}

export interface StatsAnswer extends Answer<'stats', { stats: ServerStats }> {
  stats: ServerStats;
}

/**
 * `exists` when the same operation was created before, `cached` when another producer's operation answers for the cache
 * key.
 */
export interface CreatedAnswer extends Answer<
  'created',
  { operation: OperationSnapshot; created: boolean; cached?: boolean }
> {
  status: 'created' | 'exists' | 'cached';
  operation: OperationSnapshot;
}

export interface RecordedAnswer extends Answer<'recorded', { seq: number; repeated: boolean }> {
  status: 'recorded';
  seq: number;
}

export interface CancelledAnswer extends Answer<
  'recorded',
  {
    seq: number;
    repeated: boolean;
    /** With `children`: how many others were cancelled. */
    children_cancelled?: number;
    /** There are more than one command cancels; repeat it. */
    children_incomplete?: true;
  }
> {
  status: 'cancelled';
}

export interface InputRequestedAnswer extends Answer<
  'recorded',
  { key: string; seq: number; repeated: boolean }
> {
  status: 'requested';
}

export interface InputAnsweredAnswer extends Answer<'recorded', { seq: number; repeated: boolean }> {
  status: 'answered' | 'declined';
}

export interface RenewedAnswer extends Answer<'renewed', NoData> {
  status: 'renewed';
}

export interface AuthenticatedAnswer extends Answer<
  'authenticated',
  { user_id: string; /** Unix seconds. */ expires_at: number | null }
> {
  status: 'authenticated';
}

export interface PongAnswer extends Answer<'pong', NoData> {
  status: 'pong';
}

type NoData = Record<string, never>;

/** The answer to a command that was refused or is unknown, or to a frame that is not a command. */
export interface CommandErrorMessage extends Answer<
  'command_error',
  {
    error: string;
    /** Same as `code`. */
    error_type: string;
    /** From the table of errors in docs/protocol.md. */
    code: string;
    /** Details of some codes, such as `state`. */
    [detail: string]: JsonValue | undefined;
  }
> {
  error: string;
}

/** Content of a Durable Stream, in the first of these forms that fits it; absent when only the place moves on. */
type StreamContent =
  { messages: JsonValue[] } | { text: string } | { base64: string } | { omitted_bytes: number } | object;

export type StreamMessage = Envelope<
  'stream',
  { path: string; next_offset: string; up_to_date: boolean; closed: boolean } & StreamContent
>;

/** Ends the subscription to a stream that is gone, or whose place is. */
export type StreamGoneMessage = Envelope<'stream_gone', { path: string }>;

/** The answer to each command. */
export interface HubAnswers {
  subscribe: SubscribedAnswer;
  unsubscribe: UnsubscribedAnswer;
  subscribe_all: SubscribedAllAnswer;
  unsubscribe_all: UnsubscribedAllAnswer;
  subscribe_stream: SubscribedStreamAnswer;
  unsubscribe_stream: UnsubscribedStreamAnswer;
  get_operation: OperationAnswer;
  list_operations: OperationsAnswer;
  get_history: HistoryAnswer;
  get_stats: StatsAnswer;
  create_operation: CreatedAnswer;
  emit: RecordedAnswer;
  renew: RenewedAnswer;
  cancel_operation: CancelledAnswer;
  request_input: InputRequestedAnswer;
  answer_input: InputAnsweredAnswer;
  authenticate: AuthenticatedAnswer;
  ping: PongAnswer;
}

export type HubAnswer = HubAnswers[HubCommandName];

export type HubMessage =
  | ConnectedMessage
  | HubAnswer
  | CommandErrorMessage
  | OperationEvent
  | HistoryTrimmed
  | OperationRemoved
  | HistoryLost
  | StreamMessage
  | StreamGoneMessage;
