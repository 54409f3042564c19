import type { ErrorCode } from '../../platform/errors/error-catalogue.js';
import { toOpstreamError } from '../../platform/errors/opstream-error.js';

/** JSON-RPC error codes: of JSON-RPC itself, of MCP, and one of our own for failures with a catalogue code. */
export const RPC = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** The catalogue code is in `data.code`. */
  serverError: -32000,
  sessionNotFound: -32001,
  /** Sessions only; 2026-07-28 uses `invalidParams`. */
  resourceNotFound: -32002,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const;

/** A failure that is answered as a JSON-RPC error. */
export class RpcError extends Error {
  override readonly name = 'RpcError';

  constructor(
    readonly code: number,
    message: string,
    readonly data?: Readonly<Record<string, unknown>>,
    /** Status of the HTTP response in 2026-07-28, if it differs from the code's. */
    readonly httpStatus?: number,
  ) {
    super(message);
  }
}

const RPC_OF_CATALOGUE: Partial<Record<ErrorCode, number>> = {
  invalid_json: RPC.parseError,
  invalid_request: RPC.invalidParams,
  invalid_event: RPC.invalidParams,
  invalid_operation_id: RPC.invalidParams,
  invalid_cursor: RPC.invalidParams,
  operation_not_found: RPC.invalidParams,
  not_found: RPC.invalidParams,
  internal: RPC.internalError,
};

const HTTP_STATUS: Readonly<Record<number, number>> = {
  [RPC.parseError]: 400,
  [RPC.invalidRequest]: 400,
  [RPC.methodNotFound]: 404,
  [RPC.headerMismatch]: 400,
  [RPC.missingCapability]: 400,
  [RPC.unsupportedVersion]: 400,
};

/** Status of an HTTP response in 2026-07-28; errors of a method that was found are only in the body. */
export function httpStatusOf({ code, httpStatus }: RpcError): number {
  return httpStatus ?? HTTP_STATUS[code] ?? 200;
}

/** Maps the error catalogue to JSON-RPC, once for all of MCP; the stable code is in `data.code`. */
export function toRpcError(thrown: unknown): RpcError {
  if (thrown instanceof RpcError) return thrown;
  const error = toOpstreamError(thrown);
  return new RpcError(RPC_OF_CATALOGUE[error.code] ?? RPC.serverError, error.message, {
    ...error.extra,
    code: error.code,
  });
}
