/** The target of a request line, taken apart. */
export interface RequestTarget {
  /** With escapes of unreserved characters decoded; an escaped slash stays escaped. */
  readonly pathname: string;
  /** Without the question mark; empty where there is none. */
  readonly query: string;
}

/** Scheme and authority of the absolute form, which every server must accept (RFC 9112, section 3.2.2). */
const ORIGIN = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i;

/** Parses a target as the web framework does, for handlers ahead of it. */
export function requestTarget(url = '/'): RequestTarget {
  const target = url.startsWith('/') ? url : url.replace(ORIGIN, '');
  const query = target.indexOf('?');
  const pathname = query < 0 ? target : target.slice(0, query);
  return {
    pathname: decoded(pathname === '' ? '/' : pathname),
    query: query < 0 ? '' : target.slice(query + 1),
  };
}

/** Like `pathname`, without the slash that people add at the end of an address. */
export function withoutTrailingSlash(pathname: string): string {
  return pathname.length > 1 && pathname.endsWith('/') ? pathname.slice(0, -1) : pathname;
}

function decoded(pathname: string): string {
  if (!pathname.includes('%')) return pathname;
  try {
    return decodeURI(pathname);
  } catch {
    return pathname;
  }
}
