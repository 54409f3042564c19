import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';

/** From `src/rest` and from `dist/rest` alike. */
const FOLDER = new URL('../../examples/', import.meta.url);
const PAGES = ['hub-client.html', 'session-client.html'];

/**
 * Serves the examples that are one file each. They hold nothing that is anybody's, so they need no token; script and
 * style are named by their hashes, and the browser itself refuses to read any text as HTML (Trusted Types).
 */
export function serveExamplePages(fastify: FastifyInstance): void {
  for (const name of PAGES) {
    const page = readFileSync(new URL(name, FOLDER), 'utf8');
    const policy = policyOf(page);
    fastify.get(`/examples/${name}`, (_request, reply) =>
      reply
        .header('Content-Security-Policy', policy)
        .header('Cache-Control', 'no-cache')
        .type('text/html; charset=utf-8')
        .send(page),
    );
  }
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
