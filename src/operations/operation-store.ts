import type { OperationKey } from './operation-key.js';
import type { OpstreamError } from '../platform/errors/opstream-error.js';
import type { EventDraft } from './operation-draft.js';
import type { RecordedEvent } from './operation-event.js';
import type { ListOrder, OperationFilter } from './operation-filter.js';
import type { CacheUse } from './result-cache.js';
import type { NewOperation, Operation, OperationState } from './operation.js';

/**
 * Creates an operation. Repeating it with the same type and metadata returns the stored one; with a cache key, so does
 * any operation that answers for the key (`servesFromCache`), decided in the same transaction.
 */
export interface OpenCommand {
  readonly kind: 'open';
  readonly operation: NewOperation;
  readonly cache?: CacheUse | undefined;
  /** Unix seconds. */
  readonly at: number;
}

/** Records events of one operation: all of them or none. */
export interface RecordCommand {
  readonly kind: 'record';
  readonly tenant: string;
  readonly operationId: string;
  readonly drafts: readonly EventDraft[];
  /** Unix seconds. */
  readonly at: number;
}

export type StoreCommand = OpenCommand | RecordCommand;

/** Where one draft was recorded: the seq of its event, or the first receipt again for a known `event_id`. */
export interface Receipt {
  readonly seq: number;
  /** Unix seconds. */
  readonly timestamp: number;
  readonly repeated: boolean;
}

export interface Recorded {
  readonly operation: Operation;
  /** What was added to the log, in order; empty for a repeated command. */
  readonly events: readonly RecordedEvent[];
  /** One per draft; one for a creation. */
  readonly receipts: readonly Receipt[];
  /** The operation is another one, which answers for the cache key: nothing must be run for it. */
  readonly cached?: true;
}

export type StoreOutcome = Recorded | OpstreamError;

export interface LogPage {
  readonly events: readonly RecordedEvent[];
  /** Lowest seq (of an operation) or position (of a tenant's log) after which nothing was trimmed. */
  readonly first: number;
  /** Newest seq or position. */
  readonly head: number;
}

export interface PageBounds {
  readonly limit: number;
  /** Stop after the event that reaches this many characters of `data`; at least one event is returned. */
  readonly maxBytes: number;
}

export interface ListQuery extends OperationFilter {
  /** By default `started`. */
  readonly order?: ListOrder;
  readonly limit: number;
  readonly cursor?: string;
}

export interface OperationPage {
  readonly operations: readonly Operation[];
  readonly nextCursor: string | null;
  /** The search stopped at its bound before the page was full: `nextCursor` continues it. */
  readonly incomplete?: boolean;
}

export interface OperationCounts {
  readonly active: number;
  readonly total: number;
}

export type StateCounts = Readonly<Record<OperationState, number>>;

/** How many operations match a filter, by state. */
export interface FilteredCounts extends StateCounts {
  /** Counting stopped at its bound: there are at least so many. */
  readonly incomplete?: boolean;
}

/** Retention limits per tenant. 0 means no limit for `maxAge`. */
export interface Retention {
  readonly maxOperations: number;
  /** For operations of type `mcp.tool/…`, which never displace others. */
  readonly maxToolOperations: number;
  readonly maxEventsPerOperation: number;
  /** Seconds an operation is kept after its end. */
  readonly maxAge: number;
}

/** Operations of recorded MCP tool calls have this type prefix and their own limit. */
export const TOOL_OPERATION_PREFIX = 'mcp.tool/';

/** When one stretch of a tenant's log began. */
export interface LogEpoch {
  /** Increases from epoch to epoch, not by one: two logs continued from the same backup share no later number. */
  readonly epoch: number;
  /** The head of the log when the epoch began: everything up to it belongs to earlier epochs. */
  readonly from: number;
}

/** Identity of a log, so that a position can be recognized as one of another log or of a lost stretch. */
export interface LogIdentity {
  /** Chosen at random with the engine's storage. */
  readonly uid: string;
  /**
   * Oldest first, at least one. Beginning an epoch without a loss costs nothing: positions up to its `from` stay
   * valid.
   */
  readonly epochs: readonly LogEpoch[];
}

/** Condition of the engine. */
export interface StoreHealth {
  readonly status: 'up' | 'down';
  /** Why and since when, in one sentence; no secrets. */
  readonly detail?: string;
}

/** A copy of the store made while it ran. */
export interface BackupReport {
  readonly bytes: number;
  /** Operations of all tenants in the copy. */
  readonly operations: number;
  /** The highest position of a tenant's log in the copy. */
  readonly mark: number;
}

/**
 * Port: the durable log of operations and the snapshots folded from it. Transitions are decided inside the store (by
 * the pure functions of `operation.ts`), because only it can make "decide, then append" atomic when several processes
 * share one engine. Everything is scoped by tenant.
 */
export abstract class OperationStore {
  /**
   * Executes commands in order, in one transaction if the engine has them; resolves once they are durable.
   * @returns one outcome per command; a refused command does not affect the others
   * @throws OpstreamError `storage_full` | `store_unavailable` when nothing of the batch was recorded
   */
  abstract append(commands: readonly StoreCommand[]): Promise<readonly StoreOutcome[]>;

  abstract get(key: OperationKey): Promise<Operation | null>;

  /**
   * One page in the order of the query, without results, which may be large. Its cost is bounded: a filter that no
   * index answers looks at a limited number of operations, and the page says so.
   * @throws OpstreamError `invalid_cursor`
   */
  abstract list(tenant: string, query: ListQuery): Promise<OperationPage>;

  /** Events after a seq; null for an unknown operation. */
  abstract readOperation(key: OperationKey, afterSeq: number, bounds: PageBounds): Promise<LogPage | null>;

  /** Events before a seq, newest first; null for an unknown operation. */
  abstract readOperationBefore(
    key: OperationKey,
    beforeSeq: number,
    bounds: PageBounds,
  ): Promise<LogPage | null>;

  /** Events of all operations of a tenant after a position. */
  abstract readTenant(tenant: string, afterPosition: number, bounds: PageBounds): Promise<LogPage>;

  abstract counts(tenant: string): Promise<OperationCounts>;

  /** How many operations match, by state, at a bounded cost. */
  abstract countMatching(tenant: string, filter: OperationFilter): Promise<FilteredCounts>;

  /** Stored operations of all tenants, by state. */
  abstract countsByState(): Promise<StateCounts>;

  /**
   * Running operations of all tenants, oldest first: after a restart their runners ask what they left.
   * @param typePrefix prefix of the operations' types
   */
  abstract unfinished(typePrefix: string): Promise<readonly OperationKey[]>;

  /** Removes an ended operation. @throws OpstreamError `operation_running`; false when it is unknown */
  abstract remove(key: OperationKey): Promise<boolean>;

  /** The log that a tenant's positions belong to. */
  abstract logIdentity(tenant: string): Promise<LogIdentity>;

  /** How the last write went and whether the next start would find the engine unchanged; returns immediately. */
  abstract health(): StoreHealth;

  /**
   * Writes a consistent copy of everything acknowledged before the call to a new file, while the store continues.
   * @param tenant whose mark is reported; the copy holds all tenants
   * @throws OpstreamError `invalid_request` when the file exists or the engine has no files, `storage_full`,
   *   `store_unavailable`, `shutting_down`
   */
  abstract backup(path: string, tenant: string): Promise<BackupReport>;

  /** Called with the code of every engine failure; must not throw. */
  onFailure: (code: string) => void = () => {};

  /**
   * Removes a bounded number of operations that ended longer ago than `maxAge`.
   * @param at Unix seconds
   * @returns whether more is due
   */
  abstract expire(at: number): Promise<boolean>;

  /** Called with every operation that was removed, for any reason, after it is gone; must not throw. */
  onRemoved: (removed: readonly OperationKey[]) => void = () => {};

  /** An operation may end and be removed within one append: its last events are published before its removal. */
  protected tellRemoved(removed: readonly OperationKey[]): void {
    if (removed.length > 0) setImmediate(() => this.onRemoved(removed));
  }

  abstract close(): Promise<void>;
}
