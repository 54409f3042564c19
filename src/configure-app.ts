import type { IncomingMessage, Server } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { OriginPolicy } from './auth/origin-policy.js';
import { McpHttp } from './mcp/http/mcp-http.service.js';
import { EventDto } from './operations/dto/event-data.dto.js';
import { toOpstreamError } from './platform/errors/opstream-error.js';
import { ProblemDetailsFilter, toProblem } from './platform/http/problem-details.filter.js';
import { VERSION } from './platform/version.js';
import { OpstreamWsAdapter } from './streaming/upgrade/opstream-ws.adapter.js';

/** Bytes of one HTTP body; batches of events are the largest. */
const BODY_LIMIT_BYTES = 8 * 1024 * 1024;

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
};

/**
 * Puts Opstream's edges on a Nest application: its WebSocket adapter, Host and Origin checks, body types, security
 * headers and problem documents. The service and every end-to-end test use the same; a host application calls it
 * before `listen`.
 * @returns the adapter, which can serve further ports
 */
export function configureOpstream(app: INestApplication): OpstreamWsAdapter {
  const adapter = new OpstreamWsAdapter(app);
  app.useWebSocketAdapter(adapter);
  const http = app.getHttpAdapter();
  app.get(McpHttp).mount(app.getHttpServer() as Server);
  const origins = app.get(OriginPolicy);
  if (http.getType() === 'fastify') configureFastify(http.getInstance() as FastifyInstance, origins);
  else configureExpress(app, origins);
  return adapter;
}

/** The service's own settings beyond those: shutdown hooks, its filter for everything, OpenAPI at `/docs`. */
export function configureService(app: INestApplication): OpstreamWsAdapter {
  const adapter = configureOpstream(app);
  // Exits with 0 once everything is flushed; otherwise the signal would end the process again, with 143.
  app.enableShutdownHooks([], { useProcessExit: true });
  app.useGlobalFilters(new ProblemDetailsFilter(app.get(HttpAdapterHost)));
  const document = new DocumentBuilder()
    .setTitle('Opstream')
    .setDescription('Durable, live streams of long-running operations.')
    .setVersion(VERSION)
    .addBearerAuth()
    .build();
  SwaggerModule.setup(
    'docs',
    app,
    () => SwaggerModule.createDocument(app, document, { extraModels: [EventDto] }),
    {
      jsonDocumentUrl: 'api-json',
      yamlDocumentUrl: 'api-yaml',
    },
  );
  return adapter;
}

function configureFastify(fastify: FastifyInstance, origins: OriginPolicy): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.headers(SECURITY_HEADERS);
    try {
      origins.check(request.headers);
      done();
    } catch (thrown) {
      const problem = toProblem(toOpstreamError(thrown));
      void reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem));
    }
  });
  fastify.addContentTypeParser(
    ['application/x-ndjson', 'application/jsonl'],
    { parseAs: 'string', bodyLimit: BODY_LIMIT_BYTES },
    (_request, body, done) => done(null, body),
  );
}

/** A host application on Express reads JSON itself; NDJSON arrives as text, and browsers' origins are checked. */
function configureExpress(app: INestApplication, origins: OriginPolicy): void {
  type Response = {
    setHeader(name: string, value: string): void;
    statusCode: number;
    end(text: string): void;
  };
  app.use((request: IncomingMessage, response: Response, next: () => void) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    try {
      origins.check(request.headers);
      next();
    } catch (thrown) {
      const problem = toProblem(toOpstreamError(thrown));
      response.statusCode = problem.status;
      response.setHeader('Content-Type', 'application/problem+json');
      response.end(JSON.stringify(problem));
    }
  });
  const { useBodyParser } = app as INestApplication & {
    useBodyParser?: (type: string, options: object) => void;
  };
  useBodyParser?.call(app, 'text', {
    type: ['application/x-ndjson', 'application/jsonl'],
    limit: BODY_LIMIT_BYTES,
  });
}

/** Fastify options of the service. */
export const FASTIFY_OPTIONS = {
  bodyLimit: BODY_LIMIT_BYTES,
  // Ids are at most 128 characters; percent-encoding triples them.
  routerOptions: { maxParamLength: 400 },
  forceCloseConnections: 'idle',
} as const;
