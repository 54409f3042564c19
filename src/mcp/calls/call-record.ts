import { Logger } from '@nestjs/common';
import type { JsonObject, JsonValue } from '../../platform/json.js';
import { redacted } from '../../platform/logging/redaction.js';
import { LIMITS, parseDraft, type ProducerEventType } from '../../operations/operation-draft.js';
import { TOOL_OPERATION_PREFIX } from '../../operations/operation-store.js';
import type { CreateOperation, OperationsService } from '../../operations/operations.service.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { objectAt, type Params } from '../protocol/json-rpc.js';
import type { RequestContext } from '../session/request-context.js';
import type { ToolDefinition } from '../tools/tool-definition.js';
import type { ContentBlock } from '../tools/tool-result.js';
import type { ProgressReport } from '../tools/tool-context.js';
import type { ToolOutcome } from './tool-outcome.js';

/** Error types of operations that record tool calls; tasks use them to tell a tool's failure from a protocol error. */
export const TOOL_ERROR = 'ToolError';
export const PROTOCOL_ERROR = 'ProtocolError';
export const INTERRUPTED = 'Interrupted';

/**
 * The operation that records one tool call. Appends are submitted in order and never throw: a failure to record must
 * not break the work. Each resolves when its event is stored and published.
 */
export interface CallRecord {
  /** Resolves once it is stored; false when it could not be. */
  readonly opened: Promise<boolean>;
  progress(report: ProgressReport): Promise<void>;
  content(blocks: readonly ContentBlock[]): Promise<void>;
  log(level: string, message: string, data: unknown): Promise<void>;
  status(status: string, details?: JsonObject): Promise<void>;
  finish(outcome: ToolOutcome): Promise<void>;
}

/** Records nothing. */
export const unrecorded: CallRecord = {
  opened: Promise.resolve(false),
  progress: nothing,
  content: nothing,
  log: nothing,
  status: nothing,
  finish: nothing,
};

function nothing(): Promise<void> {
  return Promise.resolve();
}

/** What a call is a part of, and whose it is. */
export type CallRelations = Pick<CreateOperation, 'parentOperationId' | 'createdBy'>;

/** Characters of arguments, as JSON, kept in the metadata. */
const MAX_ARGUMENTS = 16 * 1024;

export class OperationRecord implements CallRecord {
  private static readonly logger = new Logger('McpToolCalls');
  readonly opened: Promise<boolean>;
  private fraction = 0;

  /** Creates the operation `mcp.tool/<name>`; nothing waits for it, since the log preserves the order of commands. */
  constructor(
    private readonly operations: OperationsService,
    private readonly tenant: string,
    private readonly operationId: string,
    toolName: string,
    metadata: JsonObject,
    relations: CallRelations,
    /** It was opened already. */
    private readonly isOpen: boolean,
  ) {
    if (isOpen) {
      this.opened = Promise.resolve(true);
      return;
    }
    this.opened = operations
      .create(tenant, {
        operationId,
        operationType: TOOL_OPERATION_PREFIX + toolName,
        metadata,
        ...relations,
        owner: operations.incarnation,
      })
      .then(
        () => true,
        (error: unknown) => {
          OperationRecord.logger.warn(
            { error, operation_id: operationId },
            'A tool call could not be recorded',
          );
          return false;
        },
      );
  }

  progress({ progress, total, message }: ProgressReport): Promise<void> {
    if (total !== undefined && total > 0) this.fraction = Math.min(1, Math.max(0, progress / total));
    const details = total === undefined ? { progress } : { progress, total };
    return this.append('progress', { progress: this.fraction, message: clip(message ?? ''), details });
  }

  /** Partial content is a log event, not progress: followers may skip superseded progress. */
  content(blocks: readonly ContentBlock[]): Promise<void> {
    const text = textOf(blocks);
    const isPlain = blocks.every(({ type }) => type === 'text') && text.length <= LIMITS.message;
    const details = isPlain
      ? { stream: 'content' }
      : { stream: 'content', content: blocks as unknown as JsonValue };
    return this.append('log', { level: 'info', message: clip(text), details });
  }

  log(level: string, message: string, data: unknown): Promise<void> {
    const body = { level, message: clip(message) };
    return this.append('log', data === undefined ? body : { ...body, details: { data: data as JsonValue } });
  }

  status(status: string, details?: JsonObject): Promise<void> {
    return this.append('status', { status, ...(details && { details }) });
  }

  finish(outcome: ToolOutcome): Promise<void> {
    switch (outcome.kind) {
      case 'result': {
        const result = outcome.result as unknown as JsonObject;
        if (!outcome.result.isError) return this.append('result', { result }, RESULT_NOT_RECORDED);
        const error = clip(textOf(outcome.result.content)) || 'The tool failed';
        return this.append(
          'error',
          { error, error_type: TOOL_ERROR, details: { result } },
          { error, error_type: TOOL_ERROR },
        );
      }
      case 'protocol-error': {
        const { code, message, data } = outcome.error;
        const details = { code, message, ...(data && { data: data as JsonObject }) };
        return this.append(
          'error',
          { error: clip(message), error_type: PROTOCOL_ERROR, details },
          { error: clip(message), error_type: PROTOCOL_ERROR },
        );
      }
      case 'input-required':
        // Calls that share this one must not take it for its result.
        return this.isOpen
          ? this.append('cancelled', { reason: 'The caller has to answer first' })
          : this.append('result', { result: { input_required: Object.keys(outcome.requests) } });
      case 'cancelled':
        return this.append('cancelled', { reason: clip(outcome.reason) });
    }
  }

  /** @param instead recorded when the data is too large or too deep, so that the operation ends in any case */
  private async append(type: ProducerEventType, data: JsonObject, instead?: JsonObject): Promise<void> {
    try {
      await this.operations.append(
        { tenant: this.tenant, operationId: this.operationId },
        parseDraft(type, data),
      );
    } catch (error) {
      const unfit = error instanceof OpstreamError && UNFIT.has(error.code);
      if (instead && unfit) return this.append(type, instead);
      // An external cancellation ends the log before the tool notices.
      if (error instanceof OpstreamError && error.code === 'operation_ended') return;
      OperationRecord.logger.warn(
        { error, operation_id: this.operationId },
        `A ${type} event was not recorded`,
      );
    }
  }
}

/** Refusals caused by the data itself. */
const UNFIT: ReadonlySet<string> = new Set(['payload_too_large', 'invalid_request', 'invalid_event']);

const RESULT_NOT_RECORDED: JsonObject = {
  result: {
    content: [{ type: 'text', text: 'The result is too large or too deep and could not be recorded' }],
  },
};

/** What the operation of a call says of it. */
export function metadataOf(tool: ToolDefinition, exchange: RequestContext, args: Params): JsonObject {
  const { principal, session } = exchange;
  const ttl = taskTtl(exchange);
  return {
    tool: tool.name,
    user: principal.userId,
    ...(session && { session: session.id.slice(0, 8) }),
    ...(ttl !== undefined && { ttl_ms: ttl }),
    ...recordedArguments(args, tool.schema),
  };
}

/** Milliseconds that the requestor of a task of 2025-11-25 wants it kept. */
export function taskTtl({ era, params }: RequestContext): number | undefined {
  const ttl = era === 'legacy' ? objectAt(params, 'task').ttl : undefined;
  return typeof ttl === 'number' && ttl > 0 ? ttl : undefined;
}

/** Arguments for the operation's metadata, without secrets; omitted when large, because the whole tenant reads them. */
function recordedArguments(given: unknown, schema?: unknown): JsonObject {
  const args = redacted(given, schema);
  const text = JSON.stringify(args) ?? '';
  return text.length <= MAX_ARGUMENTS
    ? { arguments: args as JsonObject }
    : { arguments_omitted: text.length };
}

function textOf(blocks: readonly ContentBlock[]): string {
  return blocks.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

function clip(text: string): string {
  return text.length <= LIMITS.message ? text : text.slice(0, LIMITS.message);
}
