import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { AuditLog } from '../../auth/audit-log.js';
import { userOf } from '../../auth/principal.js';
import { cancelTree } from '../../operations/cancel-children.js';
import { attributed, LIMITS, parseDraft } from '../../operations/operation-draft.js';
import { parseListQuery } from '../../operations/rest/request-values.js';
import { LIST_ORDERS } from '../../operations/operation-filter.js';
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
  parent_operation_id: operationId.optional().describe('The operation that this one is a part of'),
});
const ListParameters = z.strictObject({
  status: z.string().optional(),
  type: z.string().optional().describe('A type, or the beginning of one and *, e.g. mcp.tool/*'),
  active: z.boolean().optional().describe('true: running ones only; false: ended ones only'),
  limit: z.number().int().min(1).max(200).default(50),
  cursor: z.string().optional().describe('next_cursor of the page before'),
  q: z.string().optional().describe('Text in the id, the type, the message or the metadata'),
  parent_operation_id: operationId.optional().describe('Only the parts of this operation'),
  created_by: z.string().optional().describe('Only operations that this user opened'),
  started_after: z.number().optional().describe('Unix seconds'),
  started_before: z.number().optional().describe('Unix seconds'),
  min_duration: z.number().min(0).optional().describe('Seconds; only operations that have ended'),
  has_errors: z.boolean().optional().describe('Whether anything went wrong: it failed, or logged an error'),
  sort: z.enum(LIST_ORDERS).optional().describe('The order, highest first; started by default'),
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
  children: z.boolean().default(false).describe('Cancel everything that runs below it as well'),
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
    { operation_type, metadata, operation_id, parent_operation_id }: z.output<typeof CreateParameters>,
    { principal }: ToolContext,
  ): Promise<object> {
    const { operation } = await this.operations.create(principal.tenant, {
      operationType: operation_type,
      metadata,
      operationId: operation_id,
      parentOperationId: parent_operation_id,
      createdBy: userOf(principal),
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
    const { active, ...given } = query;
    const { operations, nextCursor, incomplete } = await this.operations.list(principal.tenant, {
      ...parseListQuery(given),
      ...(active !== undefined && { active }),
    });
    return structured({
      operations: operations.map((operation) => toSnapshot(operation, false)),
      next_cursor: nextCursor,
      ...(incomplete && { incomplete }),
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
    { operation_id, reason, children }: z.output<typeof CancelParameters>,
    { principal, clientAddress: address }: ToolContext,
  ): Promise<object> {
    const key = { tenant: principal.tenant, operationId: operation_id };
    const draft = attributed(parseDraft('cancelled', { reason }), userOf(principal));
    const tree = children ? await cancelTree(this.operations, key, draft) : undefined;
    const { operation } = tree?.receipt ?? (await this.operations.append(key, draft));
    this.audit.acted('operation_cancelled', principal, { address }, { target: operation_id });
    return structured({
      operation: toSnapshot(operation),
      ...(tree && { children_cancelled: tree.cancelled.length }),
      ...(tree?.incomplete && { children_incomplete: true }),
    });
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
