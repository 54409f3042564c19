import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { EventBus } from '../../operations/event-bus.js';
import { untilEnded } from '../../operations/operation-end.js';
import { TOOL_OPERATION_PREFIX } from '../../operations/operation-store.js';
import { isActive, type Operation } from '../../operations/operation.js';
import { OperationsService } from '../../operations/operations.service.js';
import { sharedOutcome } from '../../operations/shared-run.js';
import type { JsonObject } from '../../platform/json.js';
import { isObject, type Params } from '../protocol/json-rpc.js';
import { RpcError } from '../protocol/rpc-error.js';
import { META } from '../protocol/versions.js';
import type { RequestContext } from '../session/request-context.js';
import type { CallRelations } from './call-record.js';
import { errorDetails } from './ended-call.js';
import type { ResponseMode } from './response-mode.js';
import { outcomeOf, toLegacyTask, toModernTask } from './task-view.js';

/** What becomes of a call with a cache key: its own operation is open, or another one answers for it. */
export type Claim =
  | { readonly kind: 'own'; readonly operationId: string }
  | { readonly kind: 'answer'; readonly answer: Params | undefined };

/**
 * Calls that name a cache key in `_meta`: one user's calls of a tool with the same arguments and key share one
 * operation while it runs, and afterwards its result.
 */
@Injectable()
export class SharedCalls {
  constructor(
    private readonly operations: OperationsService,
    private readonly bus: EventBus,
  ) {}

  /** Whether a call takes part. */
  static wanted({ meta }: RequestContext): boolean {
    return meta[META.cacheKey] !== undefined || meta[META.cacheTtl] !== undefined;
  }

  /**
   * Opens the call's operation, or waits for the one that answers for its key.
   * @throws OpstreamError `invalid_request`; RpcError with which the other call failed
   */
  async claim(
    exchange: RequestContext,
    call: {
      readonly toolName: string;
      readonly args: Params;
      readonly metadata: JsonObject;
      readonly relations: CallRelations;
      readonly mode: ResponseMode;
      readonly operationId: string;
    },
  ): Promise<Claim> {
    const { principal, meta, cancellation } = exchange;
    const digest = createHash('sha256').update(JSON.stringify(call.args)).digest('base64url');
    for (;;) {
      const { operation, cached } = await this.operations.create(principal.tenant, {
        operationId: call.operationId,
        operationType: TOOL_OPERATION_PREFIX + call.toolName,
        metadata: call.metadata,
        ...call.relations,
        owner: this.operations.incarnation,
        cacheKey: meta[META.cacheKey],
        ttl: meta[META.cacheTtl],
        // A tool may answer each user differently, and other arguments are another question.
        audience: `user ${principal.userId} arguments ${digest}`,
      });
      if (!cached) return { kind: 'own', operationId: operation.operationId };
      if (call.mode === 'task' || (call.mode === 'either' && isActive(operation))) {
        return { kind: 'answer', answer: asTask(exchange, operation) };
      }
      const ended = await this.untilEnded(operation, cancellation.signal);
      if (cancellation.cancelled) return { kind: 'answer', answer: undefined };
      if (ended !== null && sharedOutcome(ended).kind !== 'again') {
        return { kind: 'answer', answer: await this.answerOf(ended) };
      }
    }
  }

  private untilEnded(operation: Operation, signal: AbortSignal): Promise<Operation | null> {
    return untilEnded(operation, (key) => this.operations.find(key), this.bus, signal);
  }

  /** @throws RpcError */
  private async answerOf(ended: Operation): Promise<Params> {
    const outcome = outcomeOf(ended, await errorDetails(this.operations, ended));
    if ('error' in outcome) {
      const { code, message, data } = outcome.error;
      throw new RpcError(Number(code), String(message), isObject(data) ? data : undefined);
    }
    return withCacheMeta(outcome.result, ended.operationId, true);
  }
}

/** The answer of a call with a cache key says whose work it is. */
export function withCacheMeta(result: Params, operationId: string, cached: boolean): Params {
  const own = isObject(result._meta) ? result._meta : {};
  return { ...result, _meta: { ...own, [META.cached]: cached, [META.operationId]: operationId } };
}

function asTask({ era }: RequestContext, operation: Operation): Params {
  const answer =
    era === 'legacy' ? { task: toLegacyTask(operation) } : { resultType: 'task', ...toModernTask(operation) };
  return withCacheMeta(answer, operation.operationId, true);
}
