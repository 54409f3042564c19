/** The streams of a Forge server. */
export type StreamKind = 'tasks' | 'processes' | 'raw-logs' | 'normalized-logs' | 'diff' | 'drafts';

export type ForgeFlavor = 'auto' | 'forge' | 'legacy';

/** Paths of Forge 0.7.4. @param id of the project, attempt or process the stream belongs to */
const FORGE_PATHS: Readonly<Record<StreamKind, (id: string) => string>> = {
  tasks: (projectId) => `/api/tasks/stream/ws?project_id=${projectId}`,
  processes: (attemptId) => `/api/execution-processes/stream/ws?task_attempt_id=${attemptId}`,
  'raw-logs': (processId) => `/api/execution-processes/${processId}/raw-logs/ws`,
  'normalized-logs': (processId) => `/api/execution-processes/${processId}/normalized-logs/ws`,
  diff: (attemptId) => `/api/task-attempts/${attemptId}/diff/ws?stats_only=false`,
  drafts: (projectId) => `/api/drafts/stream/ws?project_id=${projectId}`,
};

/** Paths of the older Forge API, which has three streams. */
const LEGACY_PATHS: Partial<Record<StreamKind, (id: string) => string>> = {
  tasks: FORGE_PATHS.tasks,
  'raw-logs': (processId) => `/api/processes/${processId}/logs/ws`,
  diff: (attemptId) => `/api/tasks/${attemptId}/diff/ws`,
};

/** Whether a URL is one that only the older API has. */
export function isLegacyUrl(url: string): boolean {
  return /\/api\/(?:tasks\/[^/]+\/diff|processes\/[^/]+\/logs)\/ws$/.test(url);
}

/**
 * Candidate URLs of a stream, in the order to try; empty when this Forge version has no such stream.
 * @param forgeUrl `http(s)://host[:port][/path]`, without a trailing slash
 */
export function streamUrls(forgeUrl: string, flavor: ForgeFlavor, kind: StreamKind, id: string): string[] {
  const base = forgeUrl.replace(/^http/, 'ws');
  const forge = flavor === 'legacy' ? undefined : FORGE_PATHS[kind];
  const legacy = flavor === 'forge' ? undefined : LEGACY_PATHS[kind];
  const paths = [forge, legacy].flatMap((path) => (path ? [path(encodeURIComponent(id))] : []));
  return [...new Set(paths)].map((path) => base + path);
}
