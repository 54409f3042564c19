import { AuditLog } from '../../auth/audit-log.js';
import { Injectable } from '@nestjs/common';
import { userOf, type Principal, type Scope } from '../../auth/principal.js';
import { EventBus } from '../../operations/event-bus.js';
import { untilEnded } from '../../operations/operation-end.js';
import { TOOL_OPERATION_PREFIX } from '../../operations/operation-store.js';
import { isActive, type Operation } from '../../operations/operation.js';
import { OperationsService } from '../../operations/operations.service.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { errorDetails } from './ended-call.js';
import { ToolRunner } from './tool-runner.service.js';
import type { RequestContext } from '../session/request-context.js';
import { isObject, objectAt, stringAt, type Params } from '../protocol/json-rpc.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import { META } from '../protocol/versions.js';
import { isExpired, outcomeOf, taskStatus, toLegacyTask, toModernTask } from './task-view.js';
import { declaresTasks, tasksMissing } from './tasks-extension.js';

const PAGE = 100;

/** The task methods of both generations, on the operations of the caller's tenant. */
@Injectable()
export class TasksService {
  constructor(
    private readonly audit: AuditLog,
    private readonly operations: OperationsService,
    private readonly bus: EventBus,
    private readonly runner: ToolRunner,
  ) {}

  readonly legacy = {
    get: async (exchange: RequestContext): Promise<Params> => toLegacyTask(await this.readable(exchange)),

    list: async ({ params, principal }: RequestContext): Promise<Params> => {
      const cursor = params.cursor === undefined ? {} : { cursor: stringAt(params, 'cursor') };
      const page = await this.operations.list(principal.tenant, { limit: PAGE, ...cursor });
      const kept = page.operations.filter(
        (operation) => !isExpired(operation, now()) && mayUse(principal, operation, 'operations:read'),
      );
      return {
        tasks: kept.map(toLegacyTask),
        ...(page.nextCursor !== null && { nextCursor: page.nextCursor }),
      };
    },

    /** Waits for the end and returns the result of the original request. */
    result: async (exchange: RequestContext): Promise<Params> => {
      const { session, responder } = exchange;
      // Questions of the task are sent on the stream of this request.
      const stopCarrying = session?.questions.carryFor(stringAt(exchange.params, 'taskId'), responder);
      const ended = await this.untilEnded(exchange).finally(stopCarrying);
      const outcome = outcomeOf(ended, await errorDetails(this.operations, ended));
      if ('error' in outcome) {
        const { code, message, data } = outcome.error;
        throw new RpcError(Number(code), String(message), isObject(data) ? data : undefined);
      }
      const related = { [META.relatedTask]: { taskId: ended.operationId } };
      const own = isObject(outcome.result._meta) ? outcome.result._meta : {};
      return { ...outcome.result, _meta: { ...own, ...related } };
    },

    cancel: async (exchange: RequestContext): Promise<Params> => {
      const operation = await this.writable(exchange);
      if (!isActive(operation)) {
        throw new RpcError(
          RPC.invalidParams,
          `Task ${operation.operationId} has ended (${taskStatus(operation, 'legacy')})`,
        );
      }
      return toLegacyTask(await this.cancelled(exchange, operation));
    },
  };

  readonly modern = {
    get: async (exchange: RequestContext): Promise<Params> => {
      requireExtension(exchange);
      const operation = await this.readable(exchange);
      return { ...toModernTask(operation), ...(await this.detailsOf(operation)) };
    },

    update: async (exchange: RequestContext): Promise<Params> => {
      requireExtension(exchange);
      const operation = await this.writable(exchange);
      const call = this.runner.find(operation);
      if (call) await call.inputs.answer(objectAt(exchange.params, 'inputResponses'), call);
      return {};
    },

    /** Cancelling an ended task changes nothing and is acknowledged nevertheless. */
    cancel: async (exchange: RequestContext): Promise<Params> => {
      requireExtension(exchange);
      const operation = await this.writable(exchange);
      if (isActive(operation)) await this.cancelled(exchange, operation);
      return {};
    },
  };

  /** Members of a 2026-07-28 task that depend on its status. */
  async detailsOf(operation: Operation): Promise<Params> {
    if (isActive(operation)) {
      const open = this.runner.find(operation)?.inputs.open ?? {};
      return Object.keys(open).length === 0 ? {} : { inputRequests: open };
    }
    if (operation.state === 'cancelled') return {};
    return outcomeOf(operation, await errorDetails(this.operations, operation));
  }

  private readable(exchange: RequestContext): Promise<Operation> {
    return this.task(exchange, 'operations:read');
  }

  private writable(exchange: RequestContext): Promise<Operation> {
    return this.task(exchange, 'operations:write');
  }

  /** @throws RpcError `invalidParams`: a task the caller may not use looks like one that does not exist */
  private async task({ params, principal }: RequestContext, scope: Scope): Promise<Operation> {
    const taskId = stringAt(params, 'taskId');
    const operation = await this.operations.find({ tenant: principal.tenant, operationId: taskId });
    if (!operation || !mayUse(principal, operation, scope))
      throw new RpcError(RPC.invalidParams, `There is no task ${taskId.slice(0, 128)}`);
    if (!isExpired(operation, now())) return operation;
    throw new RpcError(RPC.invalidParams, `Task ${taskId} has expired`);
  }

  private async cancelled(
    { params, principal, address }: RequestContext,
    { operationId }: Operation,
  ): Promise<Operation> {
    const reason =
      typeof params.reason === 'string' ? params.reason.slice(0, 1000) : `Cancelled by ${principal.userId}`;
    try {
      const { operation } = await this.operations.cancel(
        { tenant: principal.tenant, operationId },
        reason,
        userOf(principal),
      );
      this.audit.acted('operation_cancelled', principal, { address }, { target: operationId });
      return operation;
    } catch (error) {
      // It ended while the cancellation was in progress.
      if (error instanceof OpstreamError && error.code === 'operation_ended') {
        return this.operations.get({ tenant: principal.tenant, operationId });
      }
      throw error;
    }
  }

  private async untilEnded(exchange: RequestContext): Promise<Operation> {
    const operation = await this.readable(exchange);
    if (!isActive(operation)) return operation;
    const { tenant, operationId } = operation;
    const { signal } = exchange.cancellation;
    await untilEnded({ tenant, operationId }, (key) => this.operations.find(key), this.bus, signal);
    return this.operations.get({ tenant, operationId });
  }
}

/** Without the scope for operations in general, a caller can use the tasks of its own calls. */
export function mayUse(principal: Principal, operation: Operation, scope: Scope): boolean {
  const { operationType, metadata } = operation;
  return (
    principal.scopes.has(scope) ||
    (operationType.startsWith(TOOL_OPERATION_PREFIX) && metadata.user === principal.userId)
  );
}

function requireExtension({ capabilities }: RequestContext): void {
  if (!declaresTasks(capabilities)) throw tasksMissing();
}

function now(): number {
  return Date.now() / 1000;
}
