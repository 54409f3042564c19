/** Paths by who may request them; compared without the query. */

/** Health checks of load balancers and orchestrators, by address or without a Host. They reveal nothing useful. */
const OPEN: ReadonlySet<string> = new Set(['/health', '/health/live', '/health/ready']);

/** What programs read. No link of another site leads here. */
const DATA = /^\/(?:api|mcp|hub|ws|agents|sessions|broadcast|metrics|v1|keys|health)(?:[-/]|$)/;

/** The API description and its page. */
const DESCRIPTION = /^\/(?:docs(?:\/.*)?|docs-(?:json|yaml)|api-json|api-yaml)$/i;

function pathOf(url = '/'): string {
  return url.split('?', 1)[0]!;
}

/** Whether a request is answered regardless of its Host, Origin and credentials. */
export function isOpenPath({
  method,
  url,
}: {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
}): boolean {
  return (method === 'GET' || method === 'HEAD') && OPEN.has(pathOf(url).replace(/(.)\/$/, '$1'));
}

export function isDataPath(url: string | undefined): boolean {
  return DATA.test(pathOf(url));
}

/**
 * Whether a path is the API description: both platforms' routers match it case-insensitively and with a trailing
 * slash.
 */
export function isDescription(url: string | undefined): boolean {
  return DESCRIPTION.test(pathOf(url).replace(/(.)\/+$/, '$1'));
}
