import { isObject, type Params } from '../protocol/json-rpc.js';
import type { InputRequest } from '../tools/tool-context.js';

/**
 * Capabilities that the requests need and the client did not declare, as paths: `elicitation.url`, `sampling.tools`.
 */
export function missingCapabilities(requests: readonly InputRequest[], declared: Params): readonly string[] {
  const needed = new Set(requests.flatMap((request) => needsOf(request)));
  return [...needed].filter((path) => !declares(declared, path));
}

/** Paths as the nested object that a client would declare. */
export function asObject(paths: readonly string[]): Params {
  const root: Record<string, unknown> = {};
  for (const path of paths) {
    let at = root;
    for (const name of path.split('.')) at = (at[name] ??= {}) as Record<string, unknown>;
  }
  return root;
}

function needsOf({ method, params }: InputRequest): readonly string[] {
  const options = (params ?? {}) as Params;
  switch (method) {
    case 'elicitation/create':
      return [options.mode === 'url' ? 'elicitation.url' : 'elicitation.form'];
    case 'sampling/createMessage':
      return usesTools(options) ? ['sampling', 'sampling.tools'] : ['sampling'];
    case 'roots/list':
      return ['roots'];
  }
}

function usesTools({ tools, toolChoice }: Params): boolean {
  return tools !== undefined || toolChoice !== undefined;
}

function declares(declared: Params, path: string): boolean {
  const [name, part] = path.split('.') as [string, string?];
  const capability = declared[name];
  if (!isObject(capability)) return false;
  if (part === undefined || isObject(capability[part])) return true;
  // Before modes existed there were only forms, and an empty object still means forms.
  return path === 'elicitation.form' && capability.url === undefined;
}
