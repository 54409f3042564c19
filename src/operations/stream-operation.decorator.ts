import { Inject } from '@nestjs/common';
import type { JsonObject } from './json.js';
import { OperationRunner } from './operation-runner.js';

const RUNNER = Symbol('opstream:runner');

type AsyncMethod = (...parameters: never[]) => Promise<unknown>;

/**
 * Runs every call of a provider's method as an operation; inside, `currentOperation()` reports on it.
 * @param metadata what the operation's metadata say of a call, computed from its arguments
 */
export function StreamOperation<Parameters extends unknown[]>(
  operationType: string,
  metadata?: (...parameters: Parameters) => JsonObject,
) {
  return (target: object, _name: string | symbol, descriptor: TypedPropertyDescriptor<AsyncMethod>): void => {
    const method = descriptor.value as unknown as (...parameters: Parameters) => Promise<unknown>;
    Inject(OperationRunner)(target, RUNNER);
    descriptor.value = function wrapped(this: { [RUNNER]?: OperationRunner }, ...parameters: Parameters) {
      const runner = this[RUNNER];
      if (!runner)
        throw new Error('@StreamOperation works on providers of a module that imports OpstreamModule');
      const options = metadata ? { metadata: metadata(...parameters) } : {};
      return runner.run(operationType, options, () => method.apply(this, parameters));
    } as unknown as AsyncMethod;
  };
}
