/** The revisions of MCP this service speaks. Both eras share one endpoint; each message decides. */

/** Stateless: no sessions, every request identifies itself in `_meta`. */
export const MODERN_VERSION = '2026-07-28';
/** With sessions; newest first. */
export const LEGACY_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const;
/** The revision that removed batches. */
export const WITHOUT_BATCHES = '2025-06-18';
/** Assumed for a legacy client that does not say. */
export const ASSUMED_VERSION = '2025-03-26';

export type Era = 'modern' | 'legacy';
/** Any revision we speak. They are dates: text comparison orders them. */
export type Revision = typeof MODERN_VERSION | (typeof LEGACY_VERSIONS)[number];

export function isLegacyVersion(version: unknown): version is (typeof LEGACY_VERSIONS)[number] {
  return (LEGACY_VERSIONS as readonly unknown[]).includes(version);
}

export function eraOfRevision(revision: Revision): Era {
  return revision === MODERN_VERSION ? 'modern' : 'legacy';
}

/** The version in an `initialize` answer: the requested one if we speak it, else our newest with sessions. */
export function negotiateVersion(requested: unknown): (typeof LEGACY_VERSIONS)[number] {
  return isLegacyVersion(requested) ? requested : LEGACY_VERSIONS[0];
}

/** Keys of `_meta` that the specification reserves. */
export const META = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  logLevel: 'io.modelcontextprotocol/logLevel',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
  /** Our own: the session created by `initialize`. */
  sessionId: 'opstream/sessionId',
  relatedTask: 'io.modelcontextprotocol/related-task',
  /** Our own: the instance of this service that answers `initialize`. */
  instance: 'opstream/instance',
  /** Our own: the instances a forwarded tool has passed through. */
  via: 'opstream/via',
  /** Our own: the operation that a tool call is a part of. */
  parentOperation: 'opstream/parentOperationId',
  /** Our own, of a call: shares its operation and result with other calls that name the same key. */
  cacheKey: 'opstream/cache_key',
  cacheTtl: 'opstream/ttl',
  /** Our own, of the answer to such a call. */
  cached: 'opstream/cached',
  operationId: 'opstream/operation_id',
} as const;

/** Extension id of the tasks of 2026-07-28. */
export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';
