import type { Operation } from '../../operations/operation.js';
import type { OperationsService } from '../../operations/operations.service.js';
import { parseJson } from '../../platform/json.js';
import { isObject, type Params } from '../protocol/json-rpc.js';

/** The details of an operation's `error` event, which has more than the snapshot. */
export async function errorDetails(operations: OperationsService, operation: Operation): Promise<Params> {
  if (operation.state !== 'error') return {};
  const { tenant, operationId, eventCount } = operation;
  const page = await operations.history({ tenant, operationId }, eventCount - 1, { limit: 1, maxBytes: 1 });
  const data = parseJson(page.events[0]?.data ?? '{}');
  return isObject(data) && isObject(data.details) ? data.details : {};
}
