import type { HubCommandName, RequestId } from '../../client/protocol/hub-commands.js';
import type {
  CommandErrorMessage,
  ConnectedMessage,
  HubAnswers,
} from '../../client/protocol/hub-messages.js';
import { unixSeconds } from '../../platform/unix-seconds.js';
import type { OpstreamError } from '../../platform/errors/opstream-error.js';

/**
 * Hub answers carry two forms at once: MCP Hub's (`status`, `operation`, `stats`, `error` at the top level) and the
 * envelope of an event, because its sample clients read `event_type` and `data` of every message.
 */

/** Like `Omit`, for each member of a union, and without losing names beside an index signature. */
export type Without<Message, Names extends PropertyKey> = Message extends unknown
  ? { [Member in keyof Message as Member extends Names ? never : Member]: Message[Member] }
  : never;

/** An answer without what `answer` adds; `operation_id` is `system` by default. */
type Body<Message> = Without<Message, 'timestamp' | 'request_id' | 'operation_id'> & {
  operation_id?: string;
};

/** @typeParam Name the command that is answered */
export function answer<Name extends HubCommandName>(
  requestId: RequestId | undefined,
  body: Body<HubAnswers[Name]>,
): string {
  return encode(requestId, body);
}

/** `command_error`, not `error`: to the sample clients an `error` event is the end of the operation they follow. */
export function errorAnswer(
  requestId: RequestId | undefined,
  error: OpstreamError,
  operationId?: string,
): string {
  const body: Body<CommandErrorMessage> = {
    error: error.message,
    event_type: 'command_error',
    ...(operationId !== undefined && { operation_id: operationId }),
    data: { ...error.extra, error: error.message, error_type: error.code, code: error.code },
  };
  return encode(requestId, body);
}

interface Encodable {
  readonly event_type: string;
  readonly operation_id?: string;
  readonly data: unknown;
}

function encode(requestId: RequestId | undefined, body: Encodable): string {
  const { event_type, operation_id = 'system', data, ...top } = body;
  return JSON.stringify({
    ...top,
    operation_id,
    event_type,
    timestamp: unixSeconds(),
    data,
    request_id: requestId,
  });
}

/** @param log id of the tenant's current log */
export function welcome(clientId: number, log: string): string {
  const at = new Date();
  return JSON.stringify({
    event_type: 'connected',
    operation_id: 'system',
    timestamp: at.getTime() / 1000,
    data: {
      message: 'Connected to MCP Hub WebSocket server',
      client_id: clientId,
      log,
      // MCP Hub writes local time without a zone.
      timestamp: at.toISOString().slice(0, -1),
    },
  } satisfies ConnectedMessage);
}

/** An acknowledged append, concatenated by hand: producers pipeline tens of thousands of these per second. */
export function recordedAnswer(
  requestId: RequestId | undefined,
  operationId: string,
  seq: number,
  repeated: boolean,
): string {
  const id = requestId === undefined ? '' : `,"request_id":${JSON.stringify(requestId)}`;
  return (
    `{"status":"recorded","operation_id":"${operationId}","seq":${seq},"event_type":"recorded",` +
    `"timestamp":${unixSeconds()},"data":{"seq":${seq},"repeated":${repeated}}${id}}`
  );
}
