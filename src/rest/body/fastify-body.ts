import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { turnBudget } from '../../platform/lifecycle/turn-budget.js';
import { parseJson } from '../../platform/json.js';
import { bodyLimitOf, NDJSON_TYPES } from './body-limits.js';
import { readBody } from './read-body.js';

/** Route option: the handler reads the body itself as it arrives. */
export const STREAMED_BODY = { streamedBody: true } as const;

/** Characters from which on a body is read in steps. */
const LARGE = 1024 * 1024;

/** NDJSON arrives at controllers as text. */
export function readNdjson(fastify: FastifyInstance): void {
  fastify.addContentTypeParser([...NDJSON_TYPES], (request: FastifyRequest, body: IncomingMessage) =>
    isStreamed(request) ? Promise.resolve(body) : readBody(body, bodyLimitOf(request.routeOptions.url)),
  );
}

/**
 * Reads every body with the service's own JSON reader, in place of the framework's parsers. An empty body counts as
 * absent for any content type: generated clients send the type with calls that have no body.
 */
export function readBodies(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  readNdjson(fastify);
  fastify.addContentTypeParser(
    /^application\/(?:json|[\w.-]+\+json)\s*(?:;|$)/i,
    async (request: FastifyRequest, body: IncomingMessage) => {
      if (isStreamed(request)) return body;
      const text = await readBody(body, bodyLimitOf(request.routeOptions.url));
      if (/^[\uFEFF\s]*$/.test(text)) return undefined;
      // A large body costs three times: decoded, parsed, and recorded. Others are served in between.
      if (text.length > LARGE) await turnBudget.turn();
      const value = parseJson(text);
      if (text.length > LARGE) await turnBudget.turn();
      return value;
    },
  );
  fastify.addContentTypeParser('*', async (request: FastifyRequest, body: IncomingMessage) => {
    if (isStreamed(request)) return body;
    throw unsupported(request.headers['content-type']);
  });
}

function isStreamed({ routeOptions }: FastifyRequest): boolean {
  return (routeOptions.config as Partial<typeof STREAMED_BODY>).streamedBody === true;
}

function unsupported(contentType: string | undefined): OpstreamError {
  const given = contentType === undefined ? 'A body without Content-Type' : contentType.slice(0, 100);
  return new OpstreamError(
    'unsupported_media_type',
    `${given} is not supported. Send JSON, with "Content-Type: application/json"; ` +
      'for many events also "Content-Type: application/x-ndjson"; text lines to …/lines',
  );
}
