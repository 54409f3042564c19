/** Matches one path against patterns such as `/sessions/:session_id`; literal patterns win over parameters. */
export interface PathMatch<Target> {
  readonly target: Target;
  readonly params: Readonly<Record<string, string>>;
}

export function matchPath<Target>(
  pathname: string,
  routes: readonly { readonly pattern: string; readonly target: Target }[],
): PathMatch<Target> | undefined {
  const literal = routes.find(({ pattern }) => pattern === pathname);
  if (literal) return { target: literal.target, params: {} };
  const segments = pathname.split('/');
  for (const { pattern, target } of routes) {
    const params = paramsOf(pattern.split('/'), segments);
    if (params) return { target, params };
  }
  return undefined;
}

function paramsOf(
  pattern: readonly string[],
  segments: readonly string[],
): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index]!;
    if (!part.startsWith(':')) {
      if (part !== segment) return undefined;
    } else {
      const value = decode(segment);
      if (value === undefined || value === '') return undefined;
      params[part.slice(1)] = value;
    }
  }
  return params;
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
