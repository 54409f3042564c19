import type { JsonObject, JsonValue } from '../../platform/json.js';
import type { OpstreamError } from '../../platform/errors/opstream-error.js';

/** The messages of document 004: `type`, the client's `id` as it came, and `timestamp` in ISO 8601. */

type MessageId = JsonValue | undefined;

const now = (): string => new Date().toISOString();

export function message(type: string, members: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ type, ...members, timestamp: now() });
}

/** A frame that could not be handled at all (S4-36). */
export function failure(error: OpstreamError, id?: MessageId): string {
  return message('error', {
    id,
    message: 'Failed to process message',
    error: error.message,
    code: error.code,
    ...error.extra,
  });
}

/** S4-35 words it so; `undefined` stands for a message without a type, or one that is no object (X-52). */
export function unknownType({ type, id }: JsonObject): string {
  return message('error', { id, message: unknownTypeText(type), code: 'invalid_request' });
}

export function unknownTypeText(type: JsonValue | undefined): string {
  return `Unknown message type: ${shownType(type)}`;
}

/** What a client gave as a type, as far as anyone wants to read it. */
export function shownType(type: JsonValue | undefined): string {
  return (typeof type === 'object' ? JSON.stringify(type) : String(type)).slice(0, 100);
}

/**
 * The answer of one command: an item of a batch, and (with a timestamp) the answer to a hub's command of its own.
 * @param result the command's answer as JSON; `processed` is what the document's own server answered (S4-31)
 */
export function success(id: MessageId, result: string, alone: boolean): string {
  const head = JSON.stringify({ id, type: 'response', status: 'success' }).slice(0, -1);
  return `${head},"result":{"processed":true,${result.slice(1)}${alone ? `,"timestamp":"${now()}"` : ''}}`;
}

export function refusal(id: MessageId, error: OpstreamError, alone: boolean): string {
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

/** @param responses the items' answers as JSON, in the order of the batch */
export function batchResponse(id: MessageId, responses: readonly string[]): string {
  const head = JSON.stringify({ type: 'batch_response', id }).slice(0, -1);
  return `${head},"responses":[${responses.join(',')}],"timestamp":"${now()}"}`;
}
