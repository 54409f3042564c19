import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { AuditLog } from '../../auth/audit-log.js';
import { LIMITS } from '../../operations/operation-draft.js';
import { LogFollower } from '../../operations/log-follower.service.js';
import { LogPlaces } from '../../operations/log-places.js';
import type { Operation } from '../../operations/operation.js';
import type { RecordedEvent } from '../../operations/operation-event.js';
import { toSnapshot } from '../../operations/operation-snapshot.js';
import { OperationsService } from '../../operations/operations.service.js';
import { isJsonObject, wellFormed, type JsonObject } from '../../platform/json.js';
import { historyLostText, historyTrimmedText } from '../../streaming/delivery/notices.js';
import { isObject } from '../protocol/json-rpc.js';
import type { ToolContext } from '../tools/tool-context.js';
import { Tool } from '../tools/tool.decorator.js';

const operationId = z.string().describe('Id of the operation');
const ById = z.strictObject({ operation_id: operationId });

/** By reference: zod's own records drop `__proto__` and split the digits of long integers. */
const Metadata = z
  .custom<JsonObject>(isJsonObject, 'expected an object')
  .meta({ type: 'object', additionalProperties: true, description: 'Anything that describes the work' });

const CreateParameters = z.strictObject({
  operation_type: z.string().describe('What kind of work it is, e.g. code_generation'),
  metadata: Metadata.optional(),
  operation_id: operationId.optional().describe('An id of your own, which makes creation repeatable'),
});
const ListParameters = z.strictObject({
  status: z.string().optional(),
  type: z.string().optional(),
  active: z.boolean().optional().describe('true: running ones only; false: ended ones only'),
  limit: z.number().int().min(1).max(200).default(50),
  cursor: z.string().optional().describe('next_cursor of the page before'),
});
const WatchParameters = z.strictObject({
  operation_id: operationId,
  after_seq: z.number().int().min(0).default(0).describe('Begin after this event; 0 replays everything'),
  log: z
    .string()
    .max(LIMITS.name)
    .optional()
    .describe(
      'The log that after_seq belongs to, as an answer named it; another one is told as history_lost',
    ),
});
const CancelParameters = z.strictObject({
  operation_id: operationId,
  reason: z.string().max(1000).optional(),
});

/** The operations of the caller's tenant as MCP tools. These calls are not recorded as operations themselves. */
@Injectable()
export class OperationTools {
  readonly toolSet = 'operations';

  constructor(
    private readonly operations: OperationsService,
    private readonly follower: LogFollower,
    private readonly places: LogPlaces,
    private readonly audit: AuditLog,
  ) {}

  @Tool({
    name: 'create_operation',
    description: 'Opens an operation that others can follow; its events are reported over REST or the hub',
    parameters: CreateParameters,
    record: false,
    scope: 'operations:write',
  })
  async create(
    { operation_type, metadata, operation_id }: z.output<typeof CreateParameters>,
    { principal }: ToolContext,
  ): Promise<object> {
    const { operation } = await this.operations.create(principal.tenant, {
      operationType: operation_type,
      metadata,
      operationId: operation_id,
    });
    return structured({ operation: await this.named(operation) });
  }

  @Tool({
    name: 'get_operation',
    description: 'State, progress and result of an operation',
    parameters: ById,
    annotations: { readOnlyHint: true },
    record: false,
    scope: 'operations:read',
  })
  async get({ operation_id }: z.output<typeof ById>, { principal }: ToolContext): Promise<object> {
    return structured({
      operation: await this.named(
        await this.operations.get({ tenant: principal.tenant, operationId: operation_id }),
      ),
    });
  }

  @Tool({
    name: 'list_operations',
    description: 'Operations, newest first',
    parameters: ListParameters,
    annotations: { readOnlyHint: true },
    record: false,
    scope: 'operations:read',
  })
  async list(query: z.output<typeof ListParameters>, { principal }: ToolContext): Promise<object> {
    const { operations, nextCursor } = await this.operations.list(principal.tenant, query);
    return structured({
      operations: operations.map((operation) => toSnapshot(operation, false)),
      next_cursor: nextCursor,
    });
  }

  @Tool({
    name: 'watch_operation',
    description: 'Streams the events of an operation until it ends, and returns its final state',
    parameters: WatchParameters,
    annotations: { streamingHint: true, readOnlyHint: true },
    record: false,
    returnsResult: true,
    scope: 'operations:read',
  })
  async watch(
    { operation_id, after_seq, log }: z.output<typeof WatchParameters>,
    { principal, signal, streamContent, reportProgress }: ToolContext,
  ): Promise<object> {
    const { tenant } = principal;
    const tell = (text: string) => streamContent({ type: 'text', text: `${text}\n` });
    const place = await this.places.checkOperation({ tenant, operationId: operation_id }, after_seq, log);
    if (place.lost)
      await tell(historyLostText({ id: operation_id, keptThrough: place.after, log: place.log }));
    let cursor = place.after;
    for await (const event of this.follower.follow(
      { tenant, operationId: operation_id },
      { afterSeq: cursor, signal },
    )) {
      // The log has a gap only at its beginning, where the oldest events were trimmed.
      if (event.seq > cursor + 1) await tell(historyTrimmedText(operation_id, cursor, event.seq));
      cursor = event.seq;
      await tell(event.json);
      const progress = progressOf(event);
      if (progress) await reportProgress(progress);
    }
    const operation = await this.operations.get({ tenant, operationId: operation_id });
    return structured({
      operation: await this.named(operation),
      ...(place.lost && { history_lost: true, kept_through: place.after }),
    });
  }

  /** A snapshot with the log it was folded from. */
  private async named(operation: Operation): Promise<object> {
    return { ...toSnapshot(operation), log: await this.places.tokenOfOperation(operation) };
  }

  @Tool({
    name: 'cancel_operation',
    description: 'Cancels a running operation; its producer is notified',
    parameters: CancelParameters,
    annotations: { destructiveHint: true },
    record: false,
    scope: 'operations:write',
  })
  async cancel(
    { operation_id, reason }: z.output<typeof CancelParameters>,
    { principal, clientAddress: address }: ToolContext,
  ): Promise<object> {
    const { operation } = await this.operations.cancel(
      { tenant: principal.tenant, operationId: operation_id },
      reason,
    );
    this.audit.acted('operation_cancelled', principal, { address }, { target: operation_id });
    return structured({ operation: toSnapshot(operation) });
  }
}

/** The value as structured content and, for clients that read only text, as JSON text. */
function structured(value: Readonly<Record<string, unknown>>): object {
  return { content: [{ type: 'text', text: wellFormed(JSON.stringify(value)) }], structuredContent: value };
}

function progressOf({
  type,
  data,
}: RecordedEvent): { progress: number; total: number; message?: string } | undefined {
  if (type !== 'progress') return undefined;
  const parsed: unknown = JSON.parse(data);
  if (!isObject(parsed) || typeof parsed.progress !== 'number') return undefined;
  const message =
    typeof parsed.message === 'string' && parsed.message !== '' ? { message: parsed.message } : {};
  return { progress: parsed.progress, total: 1, ...message };
}
