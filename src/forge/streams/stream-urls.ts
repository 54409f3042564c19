/** The streams of a Forge server (document 000, part 3, and what version 0.7.4 really serves). */
export type StreamKind = 'tasks' | 'processes' | 'raw-logs' | 'normalized-logs' | 'diff' | 'drafts';

export type ForgeFlavor = 'auto' | 'forge' | 'seed';

/** Paths of Forge 0.7.4. @param id of the project, attempt or process the stream belongs to */
const FORGE_PATHS: Readonly<Record<StreamKind, (id: string) => string>> = {
  tasks: (projectId) => `/api/tasks/stream/ws?project_id=${projectId}`,
  processes: (attemptId) => `/api/execution-processes/stream/ws?task_attempt_id=${attemptId}`,
  'raw-logs': (processId) => `/api/execution-processes/${processId}/raw-logs/ws`,
  'normalized-logs': (processId) => `/api/execution-processes/${processId}/normalized-logs/ws`,
  diff: (attemptId) => `/api/task-attempts/${attemptId}/diff/ws?stats_only=false`,
  drafts: (projectId) => `/api/drafts/stream/ws?project_id=${projectId}`,
};

/** Paths of the document, which knows three streams (S0-43, S0-45, S0-47). */
const SEED_PATHS: Partial<Record<StreamKind, (id: string) => string>> = {
  tasks: FORGE_PATHS.tasks,
  'raw-logs': (processId) => `/api/processes/${processId}/logs/ws`,
  diff: (attemptId) => `/api/tasks/${attemptId}/diff/ws`,
};

/**
 * Where a stream may be, in the order to try: none when this kind of server has no such stream.
 * @param forgeUrl `http(s)://host[:port][/path]`, without a slash at its end
 */
export function streamUrls(forgeUrl: string, flavor: ForgeFlavor, kind: StreamKind, id: string): string[] {
  const base = forgeUrl.replace(/^http/, 'ws');
  const forge = flavor === 'seed' ? undefined : FORGE_PATHS[kind];
  const seed = flavor === 'forge' ? undefined : SEED_PATHS[kind];
  const paths = [forge, seed].flatMap((path) => (path ? [path(encodeURIComponent(id))] : []));
  return [...new Set(paths)].map((path) => base + path);
}
