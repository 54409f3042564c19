import type { OpenApiOperation } from './openapi-document.js';

/** Which operations of a document become tools. Empty lists have no effect. */
export interface EndpointFilter {
  readonly includeOperations: readonly string[];
  readonly excludeOperations: readonly string[];
  readonly includeTags: readonly string[];
  readonly excludeTags: readonly string[];
}

/**
 * With includes, only the named operations or tags (either suffices); otherwise all but the excluded ones. Operations
 * without an id have no name and are never offered.
 */
export function isOffered(
  { operationId, tags }: Pick<OpenApiOperation, 'operationId' | 'tags'>,
  filter: EndpointFilter,
): boolean {
  if (operationId === undefined) return false;
  const { includeOperations, excludeOperations, includeTags, excludeTags } = filter;
  if (excludeOperations.includes(operationId) || tags.some((tag) => excludeTags.includes(tag))) return false;
  if (includeOperations.length === 0 && includeTags.length === 0) return true;
  return includeOperations.includes(operationId) || tags.some((tag) => includeTags.includes(tag));
}
