import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { SCOPES } from '../../auth/principal.js';
import { Configuration, InvalidConfigurationError } from '../../config/configuration.js';
import { ownApi, type OpenApiSource } from '../../config/openapi-sources.js';
import type { ToolDefinition } from '../tools/tool-definition.js';
import { ToolRegistry } from '../tools/tool-registry.js';
import type { EndpointCaller } from './endpoint-caller.js';
import { isOffered } from './endpoint-filter.js';
import { defineEndpointTool } from './endpoint-tool.js';
import { fetchCaller, reasonOf } from './fetch-caller.js';
import { apiAddressOf, loadDocument, shownLocation } from './load-document.js';
import { OpenApiDocument, OpenApiProblem, type OpenApiOperation } from './openapi-document.js';
import { ownApiCaller } from './own-api-caller.js';

/** Delay before an unavailable document is retried; doubles each time. */
const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 300_000;
/** Characters of one listed tool, and of all tools of one document: every client reads them. */
const MAX_TOOL_CHARACTERS = 256 * 1024;
const MAX_LISTED_CHARACTERS = 16 * 1024 * 1024;

/**
 * Offers the endpoints of OpenAPI documents as tools: this application's own, and those of `MCP_OPENAPI`. A bad or
 * unavailable document costs a log line, never the service.
 */
@Injectable()
export class OpenApiTools implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('McpOpenApi');
  private readonly retries = new Set<NodeJS.Timeout>();
  private describeOwn: (() => object) | undefined;
  private stopped = false;

  constructor(
    private readonly configuration: Configuration,
    private readonly registry: ToolRegistry,
    private readonly adapters: HttpAdapterHost,
  ) {}

  /** Sets the description of this application's own endpoints, which is read once all routes are known. */
  describeOwnApi(describe: () => object): void {
    this.describeOwn = describe;
  }

  /** After every decorated method has registered its tool, so that a hand-written tool takes precedence. */
  onApplicationBootstrap(): void {
    const sources = this.configuration.mcp.openapi;
    for (const source of sources) checkScope(source);
    this.offerOwn(sources.find(({ document }) => document === 'self') ?? ownApi);
    for (const source of sources) if (source.document !== 'self') void this.load(source, RETRY_FIRST_MS);
  }

  onModuleDestroy(): void {
    this.stopped = true;
    for (const timer of this.retries) clearTimeout(timer);
  }

  /**
   * Offers the operations selected by a source, and logs those that cannot be offered.
   * @param callerOf returns the caller of an operation; throws OpenApiProblem when it cannot be determined
   * @returns the names of the new tools
   */
  private offer(
    document: OpenApiDocument,
    source: OpenApiSource,
    callerOf: (operation: OpenApiOperation) => EndpointCaller,
  ): readonly string[] {
    const tools = new Map<string, ToolDefinition>();
    let left = MAX_LISTED_CHARACTERS;
    const shown = shownLocation(source.document);
    const operations = [
      ...document.operations((path, { message }) => {
        this.logger.warn(`The operations of ${path} of ${shown} are not offered as tools: ${message}`);
      }),
    ];
    this.warnOfNames(operations, source);
    for (const operation of operations) {
      if (!isOffered(operation, source.filter)) continue;
      try {
        const tool = defineEndpointTool(document, operation, source, callerOf(operation));
        // For this application's own API, the hand-written tool is the better one.
        if (source.document === 'self' && this.registry.get(tool.name)) continue;
        if (this.registry.get(tool.name) || tools.has(tool.name)) {
          throw new OpenApiProblem('a tool of this name already exists');
        }
        const size = JSON.stringify(tool.listed).length;
        if (size > MAX_TOOL_CHARACTERS) throw new OpenApiProblem(`its description has ${size} characters`);
        if (size > left) throw new OpenApiProblem('the document has given too many and too large tools');
        left -= size;
        tools.set(tool.name, tool);
      } catch (thrown) {
        if (!(thrown instanceof OpenApiProblem)) throw thrown;
        this.logger.warn(`${operation.operationId} of ${shown} is not offered as a tool: ${thrown.message}`);
      }
    }
    this.registry.add(...tools.values());
    return [...tools.keys()];
  }

  private warnOfNames(
    operations: readonly OpenApiOperation[],
    { document, filter: { includeOperations } }: OpenApiSource,
  ): void {
    const shown = shownLocation(document);
    const ids = new Set(operations.map(({ operationId }) => operationId));
    const unknown = includeOperations.filter((id) => !ids.has(id));
    if (unknown.length > 0) this.logger.warn(`${shown} has no operations ${unknown.join(', ')}`);
    const nameless = operations.filter(({ operationId }) => operationId === undefined).length;
    if (nameless > 0) {
      this.logger.warn(`Operations of ${shown} without operationId, which are not offered: ${nameless}`);
    }
  }

  private offerOwn(source: OpenApiSource): void {
    if (!this.describeOwn) return;
    const { allowedHosts } = this.configuration.http;
    const caller = ownApiCaller(this.adapters.httpAdapter, allowedHosts[0] ?? 'localhost');
    try {
      const document = new OpenApiDocument({ ...this.describeOwn() });
      // A host application's own guards read their caller's credentials.
      const forwardHeaders = source.forwardHeaders ?? ['authorization'];
      const names = this.offer(document, { ...source, forwardHeaders }, () => caller);
      if (names.length > 0) this.logger.log(`Own endpoints offered as tools: ${names.join(', ')}`);
    } catch (thrown) {
      this.logger.warn({ error: thrown }, 'The own endpoints could not be offered as tools');
    }
  }

  private async load(source: OpenApiSource, retryMs: number): Promise<void> {
    const shown = shownLocation(source.document);
    try {
      const document = await loadDocument(source.document);
      const address = apiAddressOf(document.servers, source);
      if (this.stopped) return;
      const names = this.offer(document, source, ({ servers }) =>
        fetchCaller(servers.length > 0 ? apiAddressOf(servers, source) : address),
      );
      this.logger.log(`${names.length} endpoints of ${shown} offered as tools`);
    } catch (thrown) {
      const reason = reasonOf(thrown);
      if (thrown instanceof OpenApiProblem) {
        this.logger.error(`MCP_OPENAPI: ${shown} is not used: ${reason}`);
        return;
      }
      if (this.stopped) return;
      this.logger.warn(
        `MCP_OPENAPI: ${shown} cannot be read: ${reason}. It is tried again in ${retryMs / 1000} s`,
      );
      this.retryLater(source, retryMs);
    }
  }

  private retryLater(source: OpenApiSource, retryMs: number): void {
    const timer = setTimeout(() => {
      this.retries.delete(timer);
      void this.load(source, Math.min(RETRY_MAX_MS, retryMs * 2));
    }, retryMs).unref();
    this.retries.add(timer);
  }
}

/** @throws InvalidConfigurationError for an unknown scope */
function checkScope({ document, scope }: OpenApiSource): void {
  if (scope === undefined || (SCOPES as readonly string[]).includes(scope)) return;
  throw new InvalidConfigurationError(
    `MCP_OPENAPI: ${shownLocation(document)} wants a scope that does not exist: ${scope}`,
  );
}
