import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { Principal } from '../../auth/principal.js';
import { EventBus } from '../../operations/event-bus.js';
import { OperationsService } from '../../operations/operations.service.js';
import { PromptRegistry } from '../prompts/prompt-registry.js';
import type { RequestContext } from '../session/request-context.js';
import { encodeNotification, objectAt, type Params } from '../protocol/json-rpc.js';
import type { Responder } from '../session/responder.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import { META } from '../protocol/versions.js';
import { resourceUpdated } from '../resources/resource-methods.service.js';
import { ResourceRegistry } from '../resources/resource-registry.js';
import { ResourceSubscriptions } from '../resources/resource-subscriptions.service.js';
import { McpSessions } from '../session/mcp-sessions.service.js';
import { declaresTasks } from '../calls/tasks-extension.js';
import { mayUse, TasksService } from '../calls/tasks.service.js';
import { toModernTask } from '../calls/task-view.js';
import { ToolRegistry } from '../tools/tool-registry.js';

/** Resources and tasks that one connection may follow with `subscriptions/listen`. */
const MAX_NAMED = 1000;
/** The same per user: over HTTP each request is a separate connection. */
const MAX_NAMED_OF_USER = 10_000;
/** Characters of a URI or id. */
const MAX_NAME_LENGTH = 4096;
const LISTS = ['tools', 'prompts', 'resources'] as const;

interface Filter {
  readonly lists: ReadonlySet<(typeof LISTS)[number]>;
  readonly uris: readonly string[];
  readonly taskIds: ReadonlySet<string>;
}

/**
 * Notifies clients of changes: sessions of every list change, disconnected ones once they are back, and
 * `subscriptions/listen` streams (2026-07-28) of what they asked for.
 */
@Injectable()
export class ChangeNotifier implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('Mcp');
  /** Each ends one `subscriptions/listen`. */
  private readonly listeners = new Set<() => void>();
  /** Number of followed resources and tasks, by connection and by user. */
  private readonly named = new WeakMap<Responder, number>();
  private readonly namedByUser = new Map<string, number>();
  private readonly changes: Record<(typeof LISTS)[number], Observable<void>[]>;

  constructor(
    tools: ToolRegistry,
    prompts: PromptRegistry,
    private readonly registry: ResourceRegistry,
    private readonly sessions: McpSessions,
    private readonly watched: ResourceSubscriptions,
    private readonly tasks: TasksService,
    private readonly operations: OperationsService,
    private readonly bus: EventBus,
  ) {
    this.changes = {
      tools: [tools.changes$],
      prompts: [prompts.changes$],
      resources: [registry.resources.changes$, registry.templates.changes$],
    };
  }

  onModuleInit(): void {
    for (const list of LISTS) {
      const message = encodeNotification(`notifications/${list}/list_changed`);
      for (const changes$ of this.changes[list]) {
        changes$.subscribe(() => {
          for (const session of this.sessions.all()) session.tell(message, message);
        });
      }
    }
  }

  onModuleDestroy(): void {
    for (const stop of this.listeners) stop();
  }

  /** Serves `subscriptions/listen` until the caller ends it, which needs no answer, or the service does. */
  listen(exchange: RequestContext): Promise<Params | undefined> {
    const { id, responder, principal, cancellation } = exchange;
    const filter = readFilter(exchange);
    for (const uri of filter.uris) this.registry.authorize(uri, principal, 'subscribe');
    const giveBack = this.reserve(exchange, filter);
    const meta = { [META.subscriptionId]: id };
    responder.send(
      encodeNotification('notifications/subscriptions/acknowledged', {
        notifications: granted(filter),
        _meta: meta,
      }),
    );
    const releases: (() => void)[] = [giveBack];
    for (const list of filter.lists) {
      const message = encodeNotification(`notifications/${list}/list_changed`, { _meta: meta });
      for (const changes$ of this.changes[list]) {
        const following = changes$.subscribe(() => responder.send(message));
        releases.push(() => following.unsubscribe());
      }
    }
    for (const uri of filter.uris) {
      releases.push(this.watched.watch(uri, principal, () => responder.send(resourceUpdated(uri, meta))));
    }
    if (filter.taskIds.size > 0) releases.push(this.followTasks(exchange, filter.taskIds, meta));
    return new Promise((resolve) => {
      const end = (result?: Params): void => {
        this.listeners.delete(stop);
        for (const release of releases) release();
        resolve(result);
      };
      const stop = (): void => end({ _meta: meta });
      this.listeners.add(stop);
      cancellation.target = { cancel: () => end() };
      if (cancellation.cancelled) end();
    });
  }

  /**
   * Reserves room for a listener's names, per connection and per user.
   * @returns releases it @throws RpcError when there is none
   */
  private reserve({ responder, principal }: RequestContext, { uris, taskIds }: Filter): () => void {
    const user = `${principal.tenant}/${principal.userId}`;
    const named = uris.length + taskIds.size;
    const ofConnection = this.named.get(responder) ?? 0;
    const ofUser = this.namedByUser.get(user) ?? 0;
    if (ofConnection + named > MAX_NAMED || ofUser + named > MAX_NAMED_OF_USER) {
      const most = ofConnection + named > MAX_NAMED ? `connection ${MAX_NAMED}` : `user ${MAX_NAMED_OF_USER}`;
      throw new RpcError(RPC.serverError, `Of one ${most} resources and tasks may be followed`, {
        code: 'too_many_subscriptions',
      });
    }
    this.named.set(responder, ofConnection + named);
    this.namedByUser.set(user, ofUser + named);
    return () => {
      this.named.set(responder, (this.named.get(responder) ?? named) - named);
      const left = (this.namedByUser.get(user) ?? named) - named;
      if (left > 0) this.namedByUser.set(user, left);
      else this.namedByUser.delete(user);
    };
  }

  /** Sends `notifications/tasks` whenever a task's status changes; progress does not change the status. */
  private followTasks(
    { principal, responder }: RequestContext,
    taskIds: ReadonlySet<string>,
    meta: Params,
  ): () => void {
    const { tenant } = principal;
    const announce = (taskId: string): void => {
      this.announceTask(principal, taskId, responder, meta).catch((error: unknown) =>
        this.logger.warn({ error, task: taskId }, 'A change of a task was not announced'),
      );
    };
    const following = this.bus.events$.subscribe((events) => {
      const changed = new Set<string>();
      for (const event of events) {
        if (event.tenant !== tenant || event.type === 'progress' || event.type === 'log') continue;
        if (taskIds.has(event.operationId)) changed.add(event.operationId);
      }
      for (const taskId of changed) announce(taskId);
    });
    return () => following.unsubscribe();
  }

  private async announceTask(
    principal: Principal,
    taskId: string,
    responder: Responder,
    meta: Params,
  ): Promise<void> {
    const operation = await this.operations.find({ tenant: principal.tenant, operationId: taskId });
    if (!operation || !mayUse(principal, operation, 'operations:read')) return;
    const task = { ...toModernTask(operation), ...(await this.tasks.detailsOf(operation)), _meta: meta };
    responder.send(encodeNotification('notifications/tasks', task));
  }
}

/** @throws RpcError `invalidParams` */
function readFilter({ params, capabilities }: RequestContext): Filter {
  const wanted = objectAt(params, 'notifications');
  return {
    lists: new Set(LISTS.filter((list) => wanted[`${list}ListChanged`] === true)),
    uris: names(wanted, 'resourceSubscriptions'),
    taskIds: new Set(declaresTasks(capabilities) ? names(wanted, 'taskIds') : []),
  };
}

function names(wanted: Params, key: string): readonly string[] {
  const value = wanted[key] ?? [];
  if (Array.isArray(value) && value.length <= MAX_NAMED && value.every(isName)) {
    return [...new Set<string>(value)];
  }
  throw new RpcError(
    RPC.invalidParams,
    `${key} must be an array of at most ${MAX_NAMED} strings of 1 to ${MAX_NAME_LENGTH} characters`,
  );
}

function isName(name: unknown): name is string {
  return typeof name === 'string' && name !== '' && name.length <= MAX_NAME_LENGTH;
}

function granted({ lists, uris, taskIds }: Filter): Params {
  return {
    ...Object.fromEntries([...lists].map((list) => [`${list}ListChanged`, true])),
    ...(uris.length > 0 && { resourceSubscriptions: uris }),
    ...(taskIds.size > 0 && { taskIds: [...taskIds] }),
  };
}
