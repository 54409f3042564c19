import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';

export const HUB_CLIENT_PATH = '/examples/hub-client.html';
/** From `src/rest` and from `dist/rest` alike. */
const FILE = new URL('../../examples/hub-client.html', import.meta.url);

/**
 * Serves the hub's client in one file. It holds nothing that is anybody's, so it needs no token; its script and style
 * are named by their hashes, and the browser itself refuses to read any text as HTML (Trusted Types).
 */
export function serveHubClient(fastify: FastifyInstance): void {
  const page = readFileSync(FILE, 'utf8');
  const policy = policyOf(page);
  fastify.get(HUB_CLIENT_PATH, (_request, reply) =>
    reply
      .header('Content-Security-Policy', policy)
      .header('Cache-Control', 'no-cache')
      .type('text/html; charset=utf-8')
      .send(page),
  );
}

function policyOf(page: string): string {
  return [
    "default-src 'none'",
    `script-src ${hashOf(page, 'script')}`,
    `style-src ${hashOf(page, 'style')}`,
    'img-src data:',
    // The reader may name another service's address.
    "connect-src 'self' ws: wss:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}

/** The source expression of the page's one inline element of a kind (Content Security Policy, section 2.3.1). */
function hashOf(page: string, tag: 'script' | 'style'): string {
  const text = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(page)?.[1] ?? '';
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
