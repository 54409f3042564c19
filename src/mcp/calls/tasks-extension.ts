import { isObject, type Params } from '../protocol/json-rpc.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import { TASKS_EXTENSION } from '../protocol/versions.js';

/** Whether a client of 2026-07-28 supports tasks. */
export function declaresTasks(capabilities: Params): boolean {
  return isObject(capabilities.extensions) && isObject(capabilities.extensions[TASKS_EXTENSION]);
}

export function tasksMissing(): RpcError {
  return new RpcError(RPC.missingCapability, `The client does not declare ${TASKS_EXTENSION}`, {
    requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } },
  });
}
