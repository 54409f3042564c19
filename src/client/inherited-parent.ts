/** Set by `opstream run` for the program it runs. */
const VARIABLE = 'OPSTREAM_OPERATION_ID';

/**
 * The operation this program runs in, to which what it opens belongs.
 * @param operationId the operation to open, which does not belong to itself
 */
export function inheritedParent(operationId: string | undefined): string | undefined {
  // Browsers have no environment.
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  const parent = process?.env?.[VARIABLE];
  return parent && parent !== operationId && /^[A-Za-z0-9][\w.:@-]{0,127}$/.test(parent) ? parent : undefined;
}
