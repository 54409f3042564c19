import type { WrittenId } from '../../protocol/json-rpc.js';
import type { OpstreamError } from '../../../platform/errors/opstream-error.js';
import type { RpcError } from '../../protocol/rpc-error.js';

/** A refusal of a request whose id is known. */
export class RequestError extends Error {
  constructor(
    readonly id: WrittenId,
    readonly error: RpcError | OpstreamError,
  ) {
    super(error.message);
  }
}
