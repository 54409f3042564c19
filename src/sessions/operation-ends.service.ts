import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { EventBus } from '../operations/event-bus.js';
import { isFinal, type RecordedEvent } from '../operations/operation-event.js';
import { OperationsService } from '../operations/operations.service.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import type { Operation } from '../operations/operation.js';
import { actorOf } from './actor.js';
import { anonymousPrincipal, SCOPES } from '../auth/principal.js';
import { LIMITS } from './session.js';
import { SessionsService } from './sessions.service.js';

/** Characters of a result or an error that the message repeats. */
const MAX_SHOWN = 2000;

/**
 * An operation whose metadata names a `session_id` tells the session how it ended, so that agents see each other's
 * results. The message is made once, however often its end is heard of.
 */
@Injectable()
export class OperationEnds implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('Sessions');
  private bus: Subscription | undefined;

  constructor(
    private readonly events: EventBus,
    private readonly operations: OperationsService,
    private readonly sessions: SessionsService,
  ) {}

  onModuleInit(): void {
    this.bus = this.events.events$.subscribe((events) => {
      for (const event of events) if (isFinal(event.type)) void this.tell(event);
    });
  }

  onModuleDestroy(): void {
    this.bus?.unsubscribe();
  }

  private async tell({ tenant, operationId }: RecordedEvent): Promise<void> {
    try {
      const operation = await this.operations.get({ tenant, operationId });
      const { session_id: sessionId } = operation.metadata;
      if (typeof sessionId !== 'string' || sessionId === '' || sessionId.length > LIMITS.sessionId) return;
      const principal = { ...anonymousPrincipal, userId: 'opstream', tenant, scopes: new Set(SCOPES) };
      await this.sessions.add({ ...actorOf(principal, false), agentType: 'system' }, sessionId, {
        content: sentenceOf(operation),
        metadata: {
          operation_id: operationId,
          operation_type: operation.operationType,
          status: operation.state,
        },
        messageType: 'operation_end',
        messageKey: `operation:${operationId}`,
      });
    } catch (thrown) {
      // The session may not exist or be closed, the operation removed: the work is done all the same.
      if (thrown instanceof OpstreamError) return;
      this.logger.error({ event: 'operation_end_not_told', error: thrown, operation_id: operationId });
    }
  }
}

function sentenceOf({ operationId, operationType, state, result, error }: Operation): string {
  const outcome = state === 'error' ? error : result === undefined ? undefined : JSON.stringify(result);
  const shown = outcome === undefined ? '' : `: ${outcome.slice(0, MAX_SHOWN)}`;
  return `Operation ${operationId} (${operationType}) ended as ${state}${shown}`;
}
