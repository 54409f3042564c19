import { Injectable } from '@nestjs/common';
import { Configuration } from '../../config/configuration.js';
import { ToolRunner } from '../calls/tool-runner.service.js';
import { PromptMethods } from '../prompts/prompt-methods.service.js';
import type { RequestContext } from '../session/request-context.js';
import { Instance } from '../protocol/instance.js';
import type { Params } from '../protocol/json-rpc.js';
import { fitResult } from '../protocol/members.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import { eraOfRevision, META, MODERN_VERSION, type Era, type Revision } from '../protocol/versions.js';
import { ResourceMethods } from '../resources/resource-methods.service.js';
import { levelNumber } from '../session/log-level.js';
import { TasksService } from '../calls/tasks.service.js';
import { isOfferedTo } from '../tools/tool-definition.js';
import { selectionOf } from '../tools/tool-selection.js';
import { ToolRegistry } from '../tools/tool-registry.js';
import { ChangeNotifier } from './change-notifier.js';
import { PagedList } from '../registry/paged-list.js';
import { EncodedResult } from '../protocol/result.js';
import { CAPABILITIES, INSTRUCTIONS, SERVER_INFO } from '../protocol/server-info.js';

/** Serves one method. `undefined` means no answer, because the caller has cancelled the request. */
export type Serve = (exchange: RequestContext) => Promise<Answer> | Answer;
export type Answer = Params | EncodedResult | undefined;

interface Method {
  readonly serve: Serve;
  /** The revision that introduced it, unless it is the first of its era. */
  readonly since?: Revision;
  /** It concerns the session itself and cannot work without one. */
  readonly needsSession?: boolean;
}

/** How long a client may cache the answer of `server/discover`, in milliseconds. */
const DISCOVER_TTL_MS = 3_600_000;

/** The methods of each era: the one table of everything this endpoint supports. */
@Injectable()
export class Methods {
  private readonly table: Readonly<Record<Era, ReadonlyMap<string, Method>>>;

  constructor(
    registry: ToolRegistry,
    runner: ToolRunner,
    resources: ResourceMethods,
    prompts: PromptMethods,
    tasks: TasksService,
    changes: ChangeNotifier,
    instance: Instance,
    { mcp }: Configuration,
  ) {
    const tools = new PagedList(
      'tools/list',
      'tools',
      registry,
      ({ listed, taskSupport }, revision) =>
        eraOfRevision(revision) === 'legacy' ? { ...listed, execution: { taskSupport } } : listed,
      {
        isRestricted: ({ options }) => (options.tenants ?? []).length > 0,
        isVisible: isOfferedTo,
      },
    );
    const both: [string, Serve][] = [
      ['tools/list', (exchange) => tools.read(exchange, selectionOf(exchange.headers, mcp.toolsets))],
      ['tools/call', (exchange) => runner.call(exchange)],
      ['resources/list', (exchange) => resources.list(exchange)],
      ['resources/templates/list', (exchange) => resources.listTemplates(exchange)],
      ['resources/read', (exchange) => resources.read(exchange)],
      ['prompts/list', (exchange) => prompts.list(exchange)],
      ['prompts/get', (exchange) => prompts.get(exchange)],
      ['completion/complete', (exchange) => prompts.complete(exchange)],
    ];
    const inSession = (serve: Serve): Method => ({ serve, needsSession: true });
    const withTasks = (serve: Serve): Method => ({ serve, since: '2025-11-25' });
    this.table = {
      legacy: new Map<string, Method>([
        ...both.map(([method, serve]): [string, Method] => [method, { serve }]),
        ['initialize', { serve: (exchange) => initialize(exchange, instance) }],
        ['ping', { serve: () => ({}) }],
        ['logging/setLevel', inSession(setLevel)],
        ['resources/subscribe', inSession((exchange) => resources.subscribe(exchange))],
        ['resources/unsubscribe', inSession((exchange) => resources.unsubscribe(exchange))],
        ['tasks/get', withTasks(tasks.legacy.get)],
        ['tasks/list', withTasks(tasks.legacy.list)],
        ['tasks/result', withTasks(tasks.legacy.result)],
        ['tasks/cancel', withTasks(tasks.legacy.cancel)],
      ]),
      modern: new Map<string, Method>([
        ...both.map(([method, serve]): [string, Method] => [method, { serve }]),
        ['server/discover', { serve: discover }],
        ['subscriptions/listen', { serve: (exchange) => changes.listen(exchange) }],
        ['tasks/get', { serve: tasks.modern.get }],
        ['tasks/update', { serve: tasks.modern.update }],
        ['tasks/cancel', { serve: tasks.modern.cancel }],
      ]),
    };
  }

  knows(era: Era, method: string): boolean {
    return this.table[era].has(method);
  }

  /**
   * Finds the handler of a request.
   * @throws RpcError `methodNotFound` for a method that its revision lacks, `sessionNotFound` without the required
   *   session
   */
  find({ era, revision, method, session }: RequestContext): Serve {
    const found = this.table[era].get(method);
    if (!found || (found.since !== undefined && found.since > revision)) {
      throw new RpcError(RPC.methodNotFound, 'Method not found', { method });
    }
    if (session?.ended) throw new RpcError(RPC.sessionNotFound, 'Session not found');
    if (found.needsSession && !session) {
      throw new RpcError(RPC.sessionNotFound, `${method} needs a session: send initialize first`);
    }
    return found.serve;
  }
}

function initialize({ params, openSession }: RequestContext, instance: Instance): Params {
  const session = openSession(params);
  const answer = {
    protocolVersion: session.protocolVersion,
    capabilities: CAPABILITIES.legacy,
    serverInfo: SERVER_INFO,
    instructions: INSTRUCTIONS,
    // HTTP has a header for it; a WebSocket client needs it for `?session_id=` after a lost connection.
    _meta: { [META.sessionId]: session.id, [META.instance]: instance.id },
  };
  return fitResult('initialize', answer, session.protocolVersion);
}

function discover(): Params {
  return {
    supportedVersions: [MODERN_VERSION],
    capabilities: CAPABILITIES.modern,
    instructions: INSTRUCTIONS,
    ttlMs: DISCOVER_TTL_MS,
    cacheScope: 'public',
  };
}

function setLevel({ params, session }: RequestContext): Params {
  const level = levelNumber(params.level);
  if (level === undefined)
    throw new RpcError(RPC.invalidParams, 'level must be one of the eight syslog levels');
  session!.minimumLevel = level;
  return {};
}
