/** Paths by who may ask for them. They are compared without their query. */

/** What load balancers and orchestrators ask, by address or without a name; it tells nothing that anybody could use. */
const OPEN: ReadonlySet<string> = new Set(['/health', '/health/live', '/health/ready']);

/** What programs read. No link of another site leads here. */
const DATA = /^\/(?:api|mcp|hub|ws|agents|sessions|broadcast|metrics|v1|keys|health)(?:[-/]|$)/;

/** The description of the API, beside its page. */
const DESCRIPTION = /^\/(?:docs(?:\/.*)?|docs-(?:json|yaml)|api-json|api-yaml)$/i;

function pathOf(url = '/'): string {
  return url.split('?', 1)[0]!;
}

/** Whether a request is answered whatever its Host, Origin and credentials. */
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

/** Whether a page or document describes the API: the routers of both platforms take it in any case, with a slash at its end. */
export function isDescription(url: string | undefined): boolean {
  return DESCRIPTION.test(pathOf(url).replace(/(.)\/+$/, '$1'));
}
