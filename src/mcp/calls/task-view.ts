import { TOOL_OPERATION_PREFIX } from '../../operations/operation-store.js';
import type { JsonValue } from '../../platform/json.js';
import { isActive, type Operation } from '../../operations/operation.js';
import { isObject, type Params } from '../protocol/json-rpc.js';
import { RPC } from '../protocol/rpc-error.js';
import { PROTOCOL_ERROR, TOOL_ERROR } from './call-record.js';
import { toolError } from './tool-outcome.js';

/** Every operation as an MCP task, in the shapes of 2025-11-25 and of the extension of 2026-07-28. Pure. */

export type TaskStatus = 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled';

/** How often a client should poll; those with a subscription need not. */
const POLL_INTERVAL_MS = 1000;

/** @param generation they differ for a tool's own failure: `failed` in 2025-11-25, a completed error result since */
export function taskStatus(operation: Operation, generation: 'legacy' | 'modern'): TaskStatus {
  switch (operation.state) {
    case 'running':
      return operation.status === 'input_required' ? 'input_required' : 'working';
    case 'completed':
      return 'completed';
    case 'cancelled':
      return 'cancelled';
    case 'error':
      return generation === 'modern' && operation.errorType === TOOL_ERROR ? 'completed' : 'failed';
  }
}

export function toLegacyTask(operation: Operation): Params {
  return {
    taskId: operation.operationId,
    status: taskStatus(operation, 'legacy'),
    ...statusMessage(operation),
    createdAt: iso(operation.startedAt),
    lastUpdatedAt: iso(operation.updatedAt),
    ttl: ttlOf(operation),
    pollInterval: POLL_INTERVAL_MS,
  };
}

export function toModernTask(operation: Operation): Params {
  return {
    taskId: operation.operationId,
    status: taskStatus(operation, 'modern'),
    ...statusMessage(operation),
    createdAt: iso(operation.startedAt),
    lastUpdatedAt: iso(operation.updatedAt),
    ttlMs: ttlOf(operation),
    pollIntervalMs: POLL_INTERVAL_MS,
  };
}

/** True once a task has outlived the time its requestor asked for; never for a running one. */
export function isExpired(operation: Operation, nowSeconds: number): boolean {
  const ttl = ttlOf(operation);
  return ttl !== null && !isActive(operation) && operation.startedAt + ttl / 1000 < nowSeconds;
}

/**
 * The tool result of an ended task, or the JSON-RPC error it failed with.
 * @param details of the operation's `error` event, which has more than the snapshot
 */
export function outcomeOf(operation: Operation, details: Params): { result: Params } | { error: Params } {
  if (operation.state === 'completed') return { result: asToolResult(operation.result) };
  if (operation.errorType === TOOL_ERROR) {
    return { result: isObject(details.result) ? details.result : { ...toolError(operation.error ?? '') } };
  }
  const isProtocolError = operation.errorType === PROTOCOL_ERROR && Number.isSafeInteger(details.code);
  return {
    error: {
      code: isProtocolError ? details.code : RPC.serverError,
      message: operation.error ?? (operation.message === '' ? operation.state : operation.message),
      ...(isProtocolError
        ? details.data !== undefined && { data: details.data }
        : { data: { type: operation.errorType ?? operation.state } }),
    },
  };
}

/** Operations of other producers may have any JSON as their result. */
function asToolResult(result: JsonValue | undefined): Params {
  if (isObject(result) && Array.isArray(result.content)) return result;
  const text = typeof result === 'string' ? result : JSON.stringify(result ?? null);
  return { content: [{ type: 'text', text }], ...(isObject(result) && { structuredContent: result }) };
}

function statusMessage(operation: Operation): Params {
  if (operation.error !== undefined) return { statusMessage: operation.error };
  return operation.message === '' ? {} : { statusMessage: operation.message };
}

/** For recorded tool calls only; the metadata of other producers is their own. */
function ttlOf({ metadata, operationType }: Operation): number | null {
  if (!operationType.startsWith(TOOL_OPERATION_PREFIX)) return null;
  return typeof metadata.ttl_ms === 'number' ? metadata.ttl_ms : null;
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
