import type { OpenApiOperation } from './openapi-document.js';

/** Which operations of a document become tools. Empty lists say nothing. */
export interface EndpointFilter {
  readonly includeOperations: readonly string[];
  readonly excludeOperations: readonly string[];
  readonly includeTags: readonly string[];
  readonly excludeTags: readonly string[];
}

/**
 * Named ones only, where operations or tags are included (either suffices); all but the excluded otherwise. Operations
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
