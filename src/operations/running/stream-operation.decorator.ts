import { Inject } from '@nestjs/common';
import type { JsonObject } from '../../platform/json.js';
import { OperationsService } from '../operations.service.js';

const OPERATIONS = Symbol('opstream:operations');

/**
 * Runs every call of a provider's method as an operation; inside, `currentOperation()` reports on it.
 * @param metadata what the operation's metadata say of a call, computed from its arguments
 */
export function StreamOperation<Parameters extends unknown[] = never[]>(
  operationType: string,
  metadata?: (...parameters: Parameters) => JsonObject,
) {
  return <Method extends (...parameters: Parameters) => Promise<unknown>>(
    target: object,
    _name: string | symbol,
    descriptor: TypedPropertyDescriptor<Method>,
  ): void => {
    const method = descriptor.value as Method;
    Inject(OperationsService)(target, OPERATIONS);
    descriptor.value = function wrapped(
      this: { [OPERATIONS]?: OperationsService },
      ...parameters: Parameters
    ): Promise<unknown> {
      const operations = this[OPERATIONS];
      if (!operations)
        throw new Error('@StreamOperation works on providers of a module that imports OpstreamModule');
      const options = metadata ? { metadata: metadata(...parameters) } : {};
      return operations.run(operationType, options, () => method.apply(this, parameters));
    } as Method;
  };
}
