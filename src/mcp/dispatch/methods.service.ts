import { Injectable } from '@nestjs/common';
import { ToolRunner } from '../calls/tool-runner.service.js';
import { PromptMethods } from '../prompts/prompt-methods.service.js';
import type { RequestContext } from '../session/request-context.js';
import { Instance } from '../protocol/instance.js';
import type { Params } from '../protocol/json-rpc.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import { META, MODERN_VERSION, type Era } from '../protocol/versions.js';
import { ResourceMethods } from '../resources/resource-methods.service.js';
import { levelNumber } from '../session/log-level.js';
import { TasksService } from '../calls/tasks.service.js';
import { ToolRegistry } from '../tools/tool-registry.js';
import { ChangeNotifier } from './change-notifier.js';
import { PagedList } from '../registry/paged-list.js';
import { EncodedResult } from '../protocol/result.js';
import { CAPABILITIES, INSTRUCTIONS, SERVER_INFO } from '../protocol/server-info.js';

/** Serves one method. `undefined` means that there is no answer, because the caller has given the request up. */
export type Method = (exchange: RequestContext) => Promise<Answer> | Answer;
export type Answer = Params | EncodedResult | undefined;

/** How long a client may keep what `server/discover` says, in milliseconds. */
const DISCOVER_TTL_MS = 3_600_000;

/** The methods of each era: the one table in which a reader finds what this endpoint understands. */
@Injectable()
export class Methods {
  readonly table: Readonly<Record<Era, ReadonlyMap<string, Method>>>;

  constructor(
    registry: ToolRegistry,
    runner: ToolRunner,
    resources: ResourceMethods,
    prompts: PromptMethods,
    tasks: TasksService,
    changes: ChangeNotifier,
    instance: Instance,
  ) {
    const tools = new PagedList(registry, 'tools', ({ listed, taskSupport }, era) =>
      era === 'legacy' ? { ...listed, execution: { taskSupport } } : listed,
    );
    const both: [string, Method][] = [
      ['tools/list', (exchange) => tools.read(exchange)],
      ['tools/call', (exchange) => runner.call(exchange)],
      ['resources/list', (exchange) => resources.list(exchange)],
      ['resources/templates/list', (exchange) => resources.listTemplates(exchange)],
      ['resources/read', (exchange) => resources.read(exchange)],
      ['prompts/list', (exchange) => prompts.list(exchange)],
      ['prompts/get', (exchange) => prompts.get(exchange)],
      ['completion/complete', (exchange) => prompts.complete(exchange)],
    ];
    this.table = {
      legacy: new Map<string, Method>([
        ...both,
        ['initialize', (exchange) => initialize(exchange, instance)],
        ['ping', () => ({})],
        ['logging/setLevel', setLevel],
        ['resources/subscribe', (exchange) => resources.subscribe(exchange)],
        ['resources/unsubscribe', (exchange) => resources.unsubscribe(exchange)],
        ['tasks/get', tasks.legacy.get],
        ['tasks/list', tasks.legacy.list],
        ['tasks/result', tasks.legacy.result],
        ['tasks/cancel', tasks.legacy.cancel],
      ]),
      modern: new Map<string, Method>([
        ...both,
        ['server/discover', discover],
        ['subscriptions/listen', (exchange) => changes.listen(exchange)],
        ['tasks/get', tasks.modern.get],
        ['tasks/update', tasks.modern.update],
        ['tasks/cancel', tasks.modern.cancel],
      ]),
    };
  }
}

function initialize({ params, openSession }: RequestContext, instance: Instance): Params {
  const session = openSession(params);
  return {
    protocolVersion: session.protocolVersion,
    capabilities: CAPABILITIES.legacy,
    serverInfo: SERVER_INFO,
    instructions: INSTRUCTIONS,
    // HTTP has a header for it; a WebSocket client needs it for `?session_id=` after a lost connection.
    _meta: { [META.sessionId]: session.id, [META.instance]: instance.id },
  };
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
  if (session) session.minimumLevel = level;
  return {};
}
