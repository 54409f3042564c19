import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { LogFollower } from '../../operations/log-follower.service.js';
import type { RecordedEvent } from '../../operations/operation-event.js';
import { toSnapshot } from '../../operations/operation-snapshot.js';
import { OperationsService } from '../../operations/operations.service.js';
import { isJsonObject, wellFormed, type JsonObject } from '../../platform/json.js';
import { isObject } from '../protocol/json-rpc.js';
import type { ToolContext } from '../tools/tool-context.js';
import { Tool } from '../tools/tool.decorator.js';

const operationId = z.string().describe('Id of the operation');
const ById = z.strictObject({ operation_id: operationId });

/** By reference: zod's own records drop `__proto__`, and copy the digits of long integers apart. */
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
});
const CancelParameters = z.strictObject({
  operation_id: operationId,
  reason: z.string().max(1000).optional(),
});

/** The operations of the caller's tenant as MCP tools. They are not recorded: they are about what is. */
@Injectable()
export class OperationTools {
  readonly toolSet = 'operations';

  constructor(
    private readonly operations: OperationsService,
    private readonly follower: LogFollower,
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
    return structured({ operation: toSnapshot(operation) });
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
    return structured({ operation: toSnapshot(await this.operations.get(principal.tenant, operation_id)) });
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
    { operation_id, after_seq }: z.output<typeof WatchParameters>,
    { principal, signal, streamContent, reportProgress }: ToolContext,
  ): Promise<object> {
    const { tenant } = principal;
    for await (const event of this.follower.follow(tenant, operation_id, { afterSeq: after_seq, signal })) {
      await streamContent({ type: 'text', text: `${event.json}\n` });
      const progress = progressOf(event);
      if (progress) await reportProgress(progress);
    }
    return structured({ operation: toSnapshot(await this.operations.get(tenant, operation_id)) });
  }

  @Tool({
    name: 'cancel_operation',
    description: 'Cancels a running operation; whoever runs it is told',
    parameters: CancelParameters,
    annotations: { destructiveHint: true },
    record: false,
    scope: 'operations:write',
  })
  async cancel(
    { operation_id, reason }: z.output<typeof CancelParameters>,
    { principal }: ToolContext,
  ): Promise<object> {
    const { operation } = await this.operations.cancel(principal.tenant, operation_id, reason);
    return structured({ operation: toSnapshot(operation) });
  }
}

/** The value as structured content and, for clients that read text only, as JSON text. */
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
