import type { OpstreamError } from '../../platform/errors/opstream-error.js';

/**
 * Hub answers carry two forms at once: MCP Hub's (`status`, `operation`, `stats`, `error` at the top level) and the
 * envelope of an event, because its sample clients read `event_type` and `data` of every message.
 */

export type RequestId = string | number | undefined;

interface Answer {
  /** Keys of MCP Hub's form. */
  readonly top: Readonly<Record<string, unknown>>;
  readonly eventType: string;
  readonly operationId?: string;
  readonly data: unknown;
}

/** Current Unix seconds, as every event carries them. */
const now = (): number => Date.now() / 1000;

export function answer(requestId: RequestId, { top, eventType, operationId, data }: Answer): string {
  return JSON.stringify({
    ...top,
    operation_id: operationId ?? 'system',
    event_type: eventType,
    timestamp: now(),
    data,
    request_id: requestId,
  });
}

/** `command_error`, not `error`: to the sample clients an `error` event is the end of the operation they follow. */
export function errorAnswer(requestId: RequestId, error: OpstreamError, operationId?: string): string {
  return answer(requestId, {
    top: { error: error.message },
    eventType: 'command_error',
    ...(operationId !== undefined && { operationId }),
    data: { ...error.extra, error: error.message, error_type: error.code, code: error.code },
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
  });
}

/** An acknowledged append, concatenated by hand: producers pipeline tens of thousands of these per second. */
export function recordedAnswer(
  requestId: RequestId,
  operationId: string,
  seq: number,
  repeated: boolean,
): string {
  const id = requestId === undefined ? '' : `,"request_id":${JSON.stringify(requestId)}`;
  return (
    `{"status":"recorded","operation_id":"${operationId}","seq":${seq},"event_type":"recorded",` +
    `"timestamp":${now()},"data":{"seq":${seq},"repeated":${repeated}}${id}}`
  );
}
