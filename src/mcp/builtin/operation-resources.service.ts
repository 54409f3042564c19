import { Injectable, type OnModuleInit } from '@nestjs/common';
import { EventBus } from '../../operations/event-bus.js';
import { toSnapshot } from '../../operations/operation-snapshot.js';
import { fitEvents, fitSnapshot, MAX_CARGO_BYTES } from '../../streaming/commands/fit-answer.js';
import { OperationsService } from '../../operations/operations.service.js';
import { ResourceTemplate, type ResourceContents } from '../resources/resource.decorator.js';
import { ResourceRegistry } from '../resources/resource-registry.js';
import { ResourceSubscriptions } from '../resources/resource-subscriptions.service.js';
import type { LoadContext } from '../tools/tool-context.js';

/** The latest events that one read of a log returns. */
const LOG_PAGE = { limit: 1000, maxBytes: 1024 * 1024 };
/** JSON inside a JSON string takes up to twice its bytes: every quote and backslash is escaped. */
const ESCAPED = 2.2;
const ID_ARGUMENT = { name: 'id', description: 'Id of the operation', required: true };

/** Operations as resources: state and log. Subscribers are notified whenever an event is recorded. */
@Injectable()
export class OperationResources implements OnModuleInit {
  constructor(
    private readonly operations: OperationsService,
    private readonly bus: EventBus,
    private readonly registry: ResourceRegistry,
    private readonly subscriptions: ResourceSubscriptions,
  ) {}

  onModuleInit(): void {
    this.bus.events$.subscribe((events) => {
      if (this.subscriptions.size === 0) return;
      for (const { tenant, operationId } of events) {
        const state = `operation://${encodeURIComponent(operationId)}`;
        for (const uri of [state, `${state}/events`]) {
          if (this.subscriptions.isWatched(uri)) this.registry.notifyUpdated(uri, tenant);
        }
      }
    });
  }

  @ResourceTemplate({
    uriTemplate: 'operation://{id}',
    name: 'Operation',
    description: 'State, progress and result of an operation',
    mimeType: 'application/json',
    arguments: [ID_ARGUMENT],
    scope: 'operations:read',
  })
  async state({ id = '' }: Record<string, string>, { principal }: LoadContext): Promise<ResourceContents> {
    const operation = await this.operations.get({ tenant: principal.tenant, operationId: id });
    return { text: JSON.stringify(fitSnapshot(toSnapshot(operation), ESCAPED)) };
  }

  /** The latest events, oldest first, one JSON object per line. */
  @ResourceTemplate({
    uriTemplate: 'operation://{id}/events',
    name: 'Operation events',
    description: 'The newest events of an operation, oldest first, one JSON object per line',
    mimeType: 'application/x-ndjson',
    arguments: [ID_ARGUMENT],
    scope: 'operations:read',
  })
  async events({ id = '' }: Record<string, string>, { principal }: LoadContext): Promise<ResourceContents> {
    const { eventCount } = await this.operations.get({ tenant: principal.tenant, operationId: id });
    const after = Math.max(0, eventCount - LOG_PAGE.limit);
    const { events } = await this.operations.history(
      { tenant: principal.tenant, operationId: id },
      after,
      LOG_PAGE,
    );
    const { texts } = fitEvents(events, MAX_CARGO_BYTES / ESCAPED);
    return { text: texts.map((json) => `${json}\n`).join('') };
  }
}
