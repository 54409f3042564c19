/** Addresses of the dashboard: behind the `#`, so that ids and filters stay out of the logs of servers and proxies. */

export const PAGES = [
  'operations',
  'everything',
  'sessions',
  'agents',
  'tools',
  'webhooks',
  'statistics',
  'connection',
] as const;
export type PageName = (typeof PAGES)[number];

export interface Route {
  readonly page: PageName;
  /** One operation, session or tool of the page. */
  readonly id: string | undefined;
  readonly query: Readonly<Record<string, string>>;
}

/** @param hash as in `location.hash`; anything unknown leads to the operations */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#?\/?/, '').split(/\?(.*)/s, 2);
  const [name = '', ...rest] = path.split('/');
  const page = PAGES.find((known) => known === name) ?? 'operations';
  const id = rest.join('/');
  const query = Object.fromEntries(new URLSearchParams(search));
  return { page, id: page === name && id !== '' ? decoded(id) : undefined, query };
}

/** Values that are empty or undefined are left out, so that an address says only what was chosen. */
export function formatRoute(
  page: PageName,
  id?: string,
  query: Readonly<Record<string, string | undefined>> = {},
): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const search = new URLSearchParams(given).toString();
  const path = id === undefined ? page : `${page}/${encodeURIComponent(id)}`;
  return `#/${path}${search && `?${search}`}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
