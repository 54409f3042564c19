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

/** MCP's one mapping of the error catalogue; the stable code stays readable as `data.code`. */
export function toRpcError(thrown: unknown): RpcError {
  if (thrown instanceof RpcError) return thrown;
  const error = toOpstreamError(thrown);
  return new RpcError(RPC_OF_CATALOGUE[error.code] ?? RPC.serverError, error.message, {
    ...error.extra,
    code: error.code,
  });
}
