import type { AgentMessage, MessageId } from '../../client/protocol/agent-messages.js';
import type { JsonObject, JsonValue } from '../../platform/json.js';
import type { Without } from '../commands/answer.js';
import type { OpstreamError } from '../../platform/errors/opstream-error.js';

/** Messages of the agents protocol: `type`, the client's `id` unchanged, and `timestamp` in ISO 8601. */

const now = (): string => new Date().toISOString();

/** The messages of each type; a `response` has functions of its own. */
type MessageOf<Type extends AgentMessage['type']> = Extract<AgentMessage, { type: Type }>;

export function message<Type extends AgentMessage['type']>(
  type: Type,
  members: Without<MessageOf<Type>, 'type' | 'timestamp'>,
): string {
  return JSON.stringify({ type, ...members, timestamp: now() });
}

/** The response to a frame that could not be handled at all. */
export function failure(error: OpstreamError, id?: MessageId): string {
  return message('error', {
    id,
    message: 'Failed to process message',
    error: error.message,
    code: error.code,
    ...error.extra,
  });
}

/**
 * @returns the text existing clients expect; `undefined` in it stands for a message without a type or one that is not
 *   an object
 */
export function unknownType({ type, id }: JsonObject): string {
  return message('error', { id, message: unknownTypeText(type), code: 'invalid_request' });
}

export function unknownTypeText(type: JsonValue | undefined): string {
  return `Unknown message type: ${shownType(type)}`;
}

/** A client's `type`, shortened for an error text. */
export function shownType(type: JsonValue | undefined): string {
  return (typeof type === 'object' ? JSON.stringify(type) : String(type)).slice(0, 100);
}

/**
 * The answer to one command: an item of a batch or, with a timestamp, the answer to a hub command sent on its own.
 * @param result the command's answer as JSON, or `processed`, which existing clients expect
 */
export function success(id: MessageId | undefined, result: string, alone: boolean): string {
  const head = JSON.stringify({ id, type: 'response', status: 'success' }).slice(0, -1);
  return `${head},"result":{"processed":true,${result.slice(1)}${alone ? `,"timestamp":"${now()}"` : ''}}`;
}

export function refusal(id: MessageId | undefined, error: OpstreamError, alone: boolean): string {
  return JSON.stringify({
    id,
    type: 'response',
    status: 'error',
    error: error.message,
    code: error.code,
    ...error.extra,
    ...(alone && { timestamp: now() }),
  });
}

/** @param responses the answers of the items as JSON, in the order of the batch */
export function batchResponse(id: MessageId | undefined, responses: readonly string[]): string {
  const head = JSON.stringify({ type: 'batch_response', id }).slice(0, -1);
  return `${head},"responses":[${responses.join(',')}],"timestamp":"${now()}"}`;
}
