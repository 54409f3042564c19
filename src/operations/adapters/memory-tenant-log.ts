import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { RecordedEvent } from '../operation-event.js';
import { servesFromCache, type CacheUse } from '../result-cache.js';
import { isActive, type Operation, type OperationState } from '../operation.js';
import {
  TOOL_OPERATION_PREFIX,
  type FilteredCounts,
  type ListQuery,
  type LogPage,
  type OpenCommand,
  type OperationPage,
  type PageBounds,
  type Receipt,
  type Recorded,
  type RecordCommand,
  type Retention,
} from '../operation-store.js';
import { parseCursor } from '../list-cursor.js';
import type { OperationFilter } from '../operation-filter.js';
import { decideOpen, decideRecord, openingReceipt, type Decision } from './decide.js';
import { NumberIndex } from './number-index.js';
import { PositionLog } from './position-log.js';
import { countByFilter, listByFilter, pageOf } from './memory-listing.js';
import { eventsToTrim, REMOVAL_STEP } from './retention.js';

/** An operation with its part of the log. */
export interface MemoryEntry {
  /** Creation number, the cursor of listings. */
  readonly number: number;
  operation: Operation;
  /** Its share of a listing page's size. */
  readonly size: number;
  readonly events: RecordedEvent[];
  readonly receipts: Map<string, Receipt>;
  readonly cache: CacheUse | undefined;
}

/** Ended operations, in the order of the positions of their ends. */
interface Ended {
  readonly number: number;
  readonly entry: MemoryEntry;
}

/** Shared by the logs of all tenants. */
export interface SharedCounts {
  /** Number of the newest operation. */
  created: number;
  readonly states: Record<OperationState, number>;
}

type Pool = 0 | 1;

/** One tenant's operations and its whole log, within its retention limits. */
export class MemoryTenantLog {
  readonly states: Record<OperationState, number> = { running: 0, completed: 0, error: 0, cancelled: 0 };
  private readonly entries = new Map<string, MemoryEntry>();
  /** The newest operation with each cache key. */
  private readonly cached = new Map<string, MemoryEntry>();
  /** Every filter of a listing combines a few of these, by `keyOf`. */
  private readonly listed = new Map<string, NumberIndex<MemoryEntry>>();
  private readonly ended = [new NumberIndex<Ended>(), new NumberIndex<Ended>()] as const;
  private readonly sizes: [number, number] = [0, 0];
  private readonly log = new PositionLog();
  private head = 0;
  private trimmedThrough = 0;

  constructor(
    private readonly tenant: string,
    private readonly retention: Retention,
    private readonly shared: SharedCounts,
    /** Called with the id of every removed operation. */
    private readonly onRemoved: (operationId: string) => void,
  ) {}

  find(operationId: string): MemoryEntry | undefined {
    return this.entries.get(operationId);
  }

  get total(): number {
    return this.entries.size;
  }

  *unfinished(): Iterable<MemoryEntry> {
    for (const entry of this.entries.values()) if (isActive(entry.operation)) yield entry;
  }

  list(query: ListQuery): OperationPage {
    if (!isPlain(query)) return listByFilter(this.entries.values(), query);
    const { number: before } = parseCursor(query.cursor, 'number');
    const wanted = query.limit + 1;
    const found = statesOf(query)
      .flatMap(
        (state) => this.listed.get(keyOf(state, query.status, query.type))?.before(before, wanted) ?? [],
      )
      .sort((a, b) => b.number - a.number);
    return pageOf(found, query.limit, ({ number }) => String(number));
  }

  countMatching(filter: OperationFilter): FilteredCounts {
    return countByFilter(this.entries.values(), filter);
  }

  /** @throws OpstreamError `operation_exists`, `too_many_operations` */
  open(command: OpenCommand): Recorded {
    const { operationId, operationType, metadata } = command.operation;
    const stored = this.entries.get(operationId);
    if (stored) {
      const { operation, receipts } = decideOpen(command, stored.number, stored.operation);
      return { operation, events: [], receipts };
    }
    const hit = this.answering(command);
    if (hit) return { operation: hit, events: [], receipts: [openingReceipt(hit)], cached: true };
    const pool = poolOf(operationType);
    this.makeRoom(pool);
    const decision = decideOpen(command, ++this.shared.created, undefined);
    const { operation } = decision;
    const entry: MemoryEntry = {
      number: operation.number,
      operation,
      size: JSON.stringify(metadata).length,
      events: [],
      receipts: new Map(),
      cache: command.cache,
    };
    this.entries.set(operationId, entry);
    if (command.cache) this.cached.set(command.cache.key, entry);
    this.sizes[pool] += 1;
    this.count(operation.state, 1);
    this.enlist(entry);
    return this.commit(entry, decision);
  }

  /** The operation that answers for the command's cache key. */
  private answering({ cache, at }: OpenCommand): Operation | undefined {
    const newest = cache && this.cached.get(cache.key);
    if (!newest?.cache || !cache) return undefined;
    return servesFromCache(newest.operation, [newest.cache.ttl, cache.ttl], at)
      ? newest.operation
      : undefined;
  }

  /** @throws OpstreamError `operation_not_found`, `operation_ended` */
  record(command: RecordCommand): Recorded {
    const entry = this.entries.get(command.operationId);
    const decision = decideRecord(command, entry?.operation, (eventId) => entry?.receipts.get(eventId));
    return this.commit(entry!, decision);
  }

  /** Removes an ended operation and its events. */
  drop(entry: MemoryEntry): void {
    const { operationId, operationType, state } = entry.operation;
    const pool = poolOf(operationType);
    this.delist(entry);
    this.ended[pool].remove({ number: entry.events.at(-1)!.position });
    this.entries.delete(operationId);
    const key = entry.cache?.key;
    if (key !== undefined && this.cached.get(key) === entry) this.cached.delete(key);
    this.sizes[pool] -= 1;
    this.count(state, -1);
    this.forget(entry.events);
    this.onRemoved(operationId);
  }

  /** Removes one step of what ended before `deadline`. @returns whether more may be due */
  expire(deadline: number): boolean {
    let dropped = 0;
    for (const entry of this.entries.values()) {
      const { endedAt } = entry.operation;
      if (endedAt === null || endedAt > deadline) continue;
      if (dropped === REMOVAL_STEP) return true;
      this.drop(entry);
      dropped++;
    }
    return false;
  }

  read(afterPosition: number, bounds: PageBounds): LogPage {
    const events = this.log.after(afterPosition, bounds);
    return { events, first: this.trimmedThrough + 1, head: this.head };
  }

  private commit(entry: MemoryEntry, decision: Decision): Recorded {
    const { operation } = decision;
    const { operationId } = operation;
    const events = decision.events.map(
      (event) => new RecordedEvent({ tenant: this.tenant, operationId, position: ++this.head, ...event }),
    );
    for (const { eventId, seq, timestamp } of decision.events) {
      if (eventId !== undefined) entry.receipts.set(eventId, { seq, timestamp, repeated: true });
    }
    for (const event of events) {
      entry.events.push(event);
      this.log.add(event);
    }
    this.change(entry, operation);
    this.trim(entry);
    return { operation: entry.operation, events, receipts: decision.receipts };
  }

  private change(entry: MemoryEntry, after: Operation): void {
    const before = entry.operation;
    if (before.status === after.status && before.state === after.state) {
      entry.operation = after;
      return;
    }
    this.delist(entry);
    entry.operation = after;
    this.enlist(entry);
    if (before.state === after.state) return;
    this.count(before.state, -1);
    this.count(after.state, 1);
    this.ended[poolOf(after.operationType)].add({ number: this.head, entry });
  }

  private trim(entry: MemoryEntry): void {
    // One step is bounded, and nothing has to be written to disk: the rest follows at once.
    for (let excess; (excess = eventsToTrim(entry.operation, this.retention.maxEventsPerOperation)) > 0;) {
      const trimmed = entry.events.splice(0, excess);
      entry.operation = { ...entry.operation, firstSeq: entry.operation.firstSeq + excess };
      this.forget(trimmed);
    }
  }

  /** @throws OpstreamError `too_many_operations` when only running ones are left */
  private makeRoom(pool: Pool): void {
    const limit = this.limitOf(pool);
    const excess = Math.min(this.sizes[pool] - limit + 1, REMOVAL_STEP);
    for (let n = 0; n < excess; n++) {
      if (this.dropOldest(pool)) continue;
      if (this.sizes[pool] < limit) return;
      throw new OpstreamError(
        'too_many_operations',
        `${limit} operations are running; no more can be opened`,
      );
    }
  }

  private dropOldest(pool: Pool): boolean {
    const oldest = this.ended[pool].first;
    if (oldest) this.drop(oldest.entry);
    return oldest !== undefined;
  }

  private limitOf(pool: Pool): number {
    return pool === 1 ? this.retention.maxToolOperations : this.retention.maxOperations;
  }

  private count(state: OperationState, change: 1 | -1): void {
    this.states[state] += change;
    this.shared.states[state] += change;
  }

  private enlist(entry: MemoryEntry): void {
    for (const key of keysOf(entry.operation)) {
      let index = this.listed.get(key);
      if (!index) this.listed.set(key, (index = new NumberIndex()));
      index.add(entry);
    }
  }

  private delist(entry: MemoryEntry): void {
    for (const key of keysOf(entry.operation)) {
      const index = this.listed.get(key);
      index?.remove(entry);
      if (index?.size === 0) this.listed.delete(key);
    }
  }

  private forget(events: readonly RecordedEvent[]): void {
    for (const event of events) {
      this.trimmedThrough = Math.max(this.trimmedThrough, event.position);
      this.log.remove(event);
    }
  }
}

/** The events from an index on that fit into one answer. */
export function page(
  events: readonly RecordedEvent[],
  from: number,
  { limit, maxBytes }: PageBounds,
): RecordedEvent[] {
  const taken: RecordedEvent[] = [];
  let size = 0;
  for (let index = from; index < events.length && taken.length < limit && size < maxBytes; index++) {
    const event = events[index]!;
    taken.push(event);
    size += event.data.length;
  }
  return taken;
}

function poolOf(operationType: string): Pool {
  return operationType.startsWith(TOOL_OPERATION_PREFIX) ? 1 : 0;
}

function statesOf({ active }: ListQuery): readonly OperationState[] {
  if (active === undefined) return ['running', 'completed', 'error', 'cancelled'];
  return active ? ['running'] : ['completed', 'error', 'cancelled'];
}

/** Names and types cannot contain control characters. */
function keyOf(state: OperationState, status: string | undefined, type: string | undefined): string {
  return `${state}\n${status ?? ''}\n${type ?? ''}`;
}

function keysOf({ state, status, operationType }: Operation): readonly string[] {
  return [
    keyOf(state, undefined, undefined),
    keyOf(state, status, undefined),
    keyOf(state, undefined, operationType),
    keyOf(state, status, operationType),
  ];
}

/** Whether the indexes answer it. */
function isPlain({ order = 'started', limit: _limit, cursor: _cursor, ...filter }: ListQuery): boolean {
  const { status: _status, type: _type, active: _active, ...other } = filter;
  return order === 'started' && Object.values(other).every((value) => value === undefined);
}
