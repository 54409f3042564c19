import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import { OpstreamError } from '../platform/errors/opstream-error.js';

/**
 * Refuses unknown routes before their body is read: 405 with the allowed methods if the path exists, else 404. Call it
 * before the routes are registered.
 */
export function refuseUnknownPaths(fastify: FastifyInstance): void {
  const methods = new Map<string, Set<string>>();
  fastify.addHook('onRoute', ({ url, method }: RouteOptions) => {
    const known = methods.get(url) ?? new Set();
    for (const one of [method].flat()) known.add(one);
    methods.set(url, known);
  });
  fastify.addHook('onRequest', async (request: FastifyRequest) => {
    if (!request.is404) return;
    const path = pathOf(request.url);
    const allowed = allowedOn(path, methods);
    if (allowed.length === 0) {
      throw new OpstreamError('not_found', `Cannot ${request.method} ${path.slice(0, 200)}`);
    }
    throw new OpstreamError('method_not_allowed', `${path.slice(0, 200)} takes ${allowed.join(', ')}`, {
      allow: allowed.join(', '),
    });
  });
}

function allowedOn(path: string, methods: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const found = new Set<string>();
  for (const [pattern, served] of methods) {
    if (matches(pattern, path)) for (const method of served) found.add(method);
  }
  return [...found].toSorted();
}

/** Segments of the pattern that begin with a colon match anything; a trailing wildcard belongs to static files. */
function matches(pattern: string, path: string): boolean {
  if (pattern.endsWith('*')) return false;
  const wanted = pattern.split('/');
  const given = path.split('/');
  return (
    wanted.length === given.length &&
    wanted.every((part, index) => (part.startsWith(':') ? given[index] !== '' : part === given[index]))
  );
}

/** Without the query, which may hold a token. */
function pathOf(url: string): string {
  return url.split('?', 1)[0]!;
}
