/** Names one operation among those of all tenants. */
export interface OperationKey {
  readonly tenant: string;
  readonly operationId: string;
}

/** As the key of a map. An operation id contains no slash, so no two operations share a key. */
export function operationKeyText({ tenant, operationId }: OperationKey): string {
  return `${tenant}/${operationId}`;
}
