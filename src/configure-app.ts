import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AuditLog } from './auth/audit-log.js';
import { Exposure } from './auth/exposure.js';
import { requireScope } from './auth/auth.guard.js';
import { GuardedRoutes, type GuardedRoute } from './auth/guarded-routes.js';
import { HttpSecurity, PAGE_POLICY, type IncomingRequest } from './auth/http-security.js';
import { isDescription } from './auth/open-paths.js';
import { Configuration } from './config/configuration.js';
import { Dashboard } from './dashboard/dashboard.js';
import { McpHttp } from './mcp/transports/http/mcp-http.service.js';
import { StreamsHttp } from './streams/http/streams-http.service.js';
import { describeStreams } from './streams/http/streams-openapi.js';
import { OpenApiTools } from './mcp/openapi/openapi-tools.service.js';
import { EventDto } from './operations/rest/dto/event-data.dto.js';
import { OpstreamError, toOpstreamError } from './platform/errors/opstream-error.js';
import { OpenRequests } from './platform/lifecycle/open-requests.js';
import { BODY_LIMIT_BYTES, NDJSON_TYPES } from './rest/body/body-limits.js';
import { readBodies, readNdjson } from './rest/body/fastify-body.js';
import { serveExamplePages } from './rest/example-pages.js';
import { ProblemDetailsFilter } from './rest/problem-details.filter.js';
import { PROBLEM_TYPE, toProblem, writeProblem } from './rest/problem.js';
import { describeApi, withNumberFormats } from './rest/openapi-document.js';
import { guardRequests, prepareServer } from './rest/server/listening-server.js';
import { answerClientError } from './rest/server/client-error.js';
import { SERVER_OPTIONS } from './rest/server/server-options.js';
import { refuseUnknownPaths } from './rest/unknown-path.js';
import { HttpMetrics } from './rest/metrics/http.metrics.js';
import { DeafReaders } from './streaming/socket/deaf-readers.js';
import { OpstreamWsAdapter } from './streaming/upgrade/opstream-ws.adapter.js';

/**
 * Installs Opstream's edges in a Nest application: WebSocket adapter, Host and Origin checks, body types, security
 * headers and problem documents. The service and every end-to-end test use it; a host application calls it before
 * `listen`.
 * @returns the adapter, which can serve additional ports
 */
export function configureOpstream(app: INestApplication): OpstreamWsAdapter {
  const adapter = configureEdges(app);
  app.get(Dashboard).mount(app, undefined);
  setHeadersFirst(app);
  return adapter;
}

function configureEdges(app: INestApplication): OpstreamWsAdapter {
  const adapter = new OpstreamWsAdapter(app);
  app.useWebSocketAdapter(adapter);
  const http = app.getHttpAdapter();
  app.get(McpHttp).mount(app.getHttpServer() as Server);
  app.get(StreamsHttp).mount(app.getHttpServer() as Server);

  app.get(OpenApiTools).describeOwnApi(() => describeWhole(app));
  const securityHook = new SecurityHook(app.get(HttpSecurity), app.get(AuditLog), app.get(GuardedRoutes));
  if (http.getType() === 'fastify')
    configureFastify(http.getInstance() as FastifyInstance, securityHook, app.get(HttpMetrics));
  else configureExpress(app, securityHook, app.get(HttpMetrics));
  app.get(OpenRequests).watch(app.getHttpServer() as Server);
  app.get(DeafReaders).watch((request) => isOurs(app, request));
  return adapter;
}

/** Whether Opstream rather than the host application answers a request. */
function isOurs(app: INestApplication, { method = '', url = '/' }: IncomingMessage): boolean {
  const [pathname = '/'] = url.split('?', 1);
  const { path: streams } = app.get(Configuration).streams;
  return (
    (streams !== undefined && pathname.startsWith(`${streams}/`)) ||
    app.get(GuardedRoutes).find(method, pathname) !== undefined
  );
}

/** Ahead of every listener that may answer: nothing is then refused in a way that a listed page cannot read. */
function setHeadersFirst(app: INestApplication): void {
  const security = app.get(HttpSecurity);
  const server = app.getHttpServer() as Server;
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) =>
    security.setHeaders(request, response),
  );
}

/** Additional setup of the standalone service: its exception filter for everything, and OpenAPI at `/docs`. */
export function configureService(app: INestApplication): OpstreamWsAdapter {
  const adapter = configureEdges(app);
  const fastify = app.getHttpAdapter().getInstance() as FastifyInstance;
  const server = app.getHttpServer() as Server;
  prepareServer(server, app.get(Exposure).onLoopback);
  guardRequests(server);
  app.get(DeafReaders).watch(() => true);
  setHeadersFirst(app);
  readBodies(fastify);
  refuseUnknownPaths(fastify);
  guardDescription(fastify, app);
  // Opening the printed address in a browser shows the dashboard, or at least what the API offers.
  if (app.get(Dashboard).mount(app, '/') !== '/')
    fastify.get('/', (_request, reply) => reply.redirect('docs'));
  serveExamplePages(fastify);
  app.useGlobalFilters(new ProblemDetailsFilter(app.get(HttpAdapterHost), app.get(AuditLog)));
  SwaggerModule.setup('docs', app, () => withNumberFormats(describeWhole(app)), {
    jsonDocumentUrl: 'api-json',
    yamlDocumentUrl: 'api-yaml',
  });
  return adapter;
}

/** Admits a request or answers it with a problem document, before its body is read. */
function describeWhole(app: INestApplication): OpenAPIObject {
  return describeStreams(describeApi(app, [EventDto]), app.get(Configuration).streams.path);
}

/** Authenticates and authorizes a request to a guarded route. @returns false when the request was answered */
class SecurityHook {
  constructor(
    private readonly security: HttpSecurity,
    private readonly audit: AuditLog,
    readonly routes: GuardedRoutes,
  ) {}

  /** Finds out who asks for a guarded route, and whether they may. @returns false when the request was answered */
  async knows(
    request: IncomingRequest,
    response: ServerResponse,
    route: Pick<GuardedRoute, 'scope'> | undefined,
  ): Promise<boolean> {
    if (!route) return true;
    try {
      const principal = await this.security.admit(request);
      if (route.scope !== undefined) requireScope(principal, route.scope);
      if (route.scope === 'admin' && request.method === 'GET')
        this.audit.acted('admin_read', principal, request);
      return true;
    } catch (thrown) {
      const error = toOpstreamError(thrown);
      this.audit.requestRefused(request, error, { principal: request.principal });
      writeProblem(response, error);
      return false;
    }
  }

  /** The API description requires authorization; its pages load nothing from other sites. */
  admits(request: IncomingMessage, response: ServerResponse): boolean {
    try {
      return !this.security.open(request, response);
    } catch (thrown) {
      const error = toOpstreamError(thrown);
      this.audit.requestRefused(request, error);
      writeProblem(response, error);
      return false;
    }
  }
}

function configureFastify(fastify: FastifyInstance, securityHook: SecurityHook, metrics: HttpMetrics): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    if (securityHook.admits(request.raw, reply.raw)) done();
    else reply.hijack();
  });
  fastify.addHook('onRequest', async (request, reply) => {
    const route = securityHook.routes.get(request.method, request.routeOptions.url);
    if (!(await securityHook.knows(request, reply.raw, route))) reply.hijack();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    metrics.answered({
      method: request.method,
      route: request.routeOptions.url,
      status: reply.raw.statusCode,
      seconds: reply.elapsedTime / 1000,
    });
    done();
  });
  readNdjson(fastify);
}

/** A host application on Express parses JSON itself; NDJSON arrives as text, and browser origins are checked. */
function guardDescription(fastify: FastifyInstance, app: INestApplication): void {
  const hook = new SecurityHook(app.get(HttpSecurity), app.get(AuditLog), app.get(GuardedRoutes));
  fastify.addHook('onRequest', async (request, reply) => {
    if (!isDescription(request.url)) return;
    reply.raw.setHeader('Content-Security-Policy', PAGE_POLICY);
    if (!(await hook.knows(request, reply.raw, { scope: undefined }))) reply.hijack();
  });
}

/** A host application on Express reads JSON itself; NDJSON arrives as text, and browsers' origins are checked. */
function configureExpress(app: INestApplication, securityHook: SecurityHook, metrics: HttpMetrics): void {
  type ExpressRequest = IncomingMessage & { readonly route?: { readonly path: string } };
  app.use((request: ExpressRequest, response: ServerResponse, next: () => void) => {
    const began = performance.now();
    response.once('finish', () => {
      metrics.answered({
        method: request.method ?? '',
        route: request.route?.path,
        status: response.statusCode,
        seconds: (performance.now() - began) / 1000,
      });
    });
    if (!securityHook.admits(request, response)) return;
    const [pathname = '/'] = (request.url ?? '/').split('?', 1);
    const route = securityHook.routes.find(request.method ?? '', pathname);
    void (async () => {
      if (await securityHook.knows(request, response, route)) next();
    })();
  });
  const { useBodyParser } = app as INestApplication & {
    useBodyParser?: (type: string, options: object) => void;
  };
  useBodyParser?.call(app, 'text', {
    type: [...NDJSON_TYPES],
    limit: BODY_LIMIT_BYTES,
  });
}

/** Fastify options of the service. */
export const FASTIFY_OPTIONS = {
  bodyLimit: BODY_LIMIT_BYTES,
  // Failures before routing (e.g. a path that cannot be decoded) never reach Nest's filters. Fastify's message quotes
  // the URL, whose query may hold a token.
  routerOptions: { maxParamLength: 400 },
  forceCloseConnections: 'idle',
  requestTimeout: SERVER_OPTIONS.requestTimeout,
  http: SERVER_OPTIONS,
  clientErrorHandler: answerClientError,
  // What fails before a route is found (a path that cannot be decoded) never reaches Nest's filters.
  // Its words quote the URL, and the query may hold a token.
  frameworkErrors: (error: Error, _request: FastifyRequest, reply: FastifyReply): void => {
    const problem = toProblem(new OpstreamError('invalid_request', error.message.replace(/\?.*/s, '')));
    void reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
  },
} as const;
