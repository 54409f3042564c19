import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { RecordedEvent } from '../operation-event.js';
import { isActive, type Operation } from '../operation.js';
import {
  TOOL_OPERATION_PREFIX,
  type LogPage,
  type OpenCommand,
  type PageBounds,
  type Receipt,
  type Recorded,
  type RecordCommand,
  type Retention,
} from '../operation-store.js';
import { decideOpen, decideRecord, type Decision } from './decide.js';
import { eventsToTrim } from './retention.js';

/** An operation with its own part of the log. */
export interface MemoryEntry {
  /** Order of creation, the listing's cursor. */
  readonly number: number;
  operation: Operation;
  readonly events: RecordedEvent[];
  readonly receipts: Map<string, Receipt>;
}

/** One tenant's operations and its whole log, within the limits of its retention. */
export class MemoryTenantLog {
  private readonly entries = new Map<string, MemoryEntry>();
  /** All events in order of position; holes where operations were removed. */
  private events: RecordedEvent[] = [];
  private created = 0;
  private head = 0;
  private trimmedThrough = 0;

  constructor(
    private readonly tenant: string,
    private readonly retention: Retention,
    /** Told the id of every operation that is gone. */
    private readonly onRemoved: (operationId: string) => void,
  ) {}

  find(operationId: string): MemoryEntry | undefined {
    return this.entries.get(operationId);
  }

  all(): MemoryEntry[] {
    return [...this.entries.values()];
  }

  /** @throws OpstreamError `operation_exists`, `too_many_operations` */
  open(command: OpenCommand): Recorded {
    const { operationId, operationType } = command.operation;
    const stored = this.entries.get(operationId);
    const decision = decideOpen(command, stored?.operation);
    if (stored) return this.commit(stored, decision);
    this.makeRoom(operationType.startsWith(TOOL_OPERATION_PREFIX));
    const { operation } = decision;
    const entry: MemoryEntry = { number: ++this.created, operation, events: [], receipts: new Map() };
    this.entries.set(operationId, entry);
    return this.commit(entry, decision);
  }

  /** @throws OpstreamError `operation_not_found`, `operation_ended` */
  record(command: RecordCommand): Recorded {
    const entry = this.entries.get(command.operationId);
    const decision = decideRecord(command, entry?.operation, (eventId) => entry?.receipts.get(eventId));
    return this.commit(entry!, decision);
  }

  /** Forgets an operation and its events. */
  drop(entry: MemoryEntry): void {
    this.entries.delete(entry.operation.operationId);
    this.forget(new Set(entry.events));
    this.onRemoved(entry.operation.operationId);
  }

  read(afterPosition: number, bounds: PageBounds): LogPage {
    const from = firstIndexAfter(this.events, afterPosition);
    return { events: page(this.events, from, bounds), first: this.trimmedThrough + 1, head: this.head };
  }

  private commit(entry: MemoryEntry, decision: Decision): Recorded {
    const { operationId } = decision.operation;
    const events = decision.events.map(
      (event) => new RecordedEvent({ tenant: this.tenant, operationId, position: ++this.head, ...event }),
    );
    for (const { eventId, seq, timestamp } of decision.events) {
      if (eventId !== undefined) entry.receipts.set(eventId, { seq, timestamp, repeated: true });
    }
    entry.operation = decision.operation;
    for (const event of events) {
      entry.events.push(event);
      this.events.push(event);
    }
    this.trim(entry);
    return { operation: entry.operation, events, receipts: decision.receipts };
  }

  private trim(entry: MemoryEntry): void {
    const excess = eventsToTrim(entry.operation, this.retention.maxEventsPerOperation);
    if (excess === 0) return;
    const trimmed = new Set(entry.events.splice(0, excess));
    const firstSeq = entry.operation.firstSeq + excess;
    entry.operation = { ...entry.operation, firstSeq };
    for (const [eventId, { seq }] of entry.receipts) if (seq < firstSeq) entry.receipts.delete(eventId);
    this.forget(trimmed);
  }

  /** @throws OpstreamError `too_many_operations` when only running ones are left */
  private makeRoom(forTool: boolean): void {
    const limit = forTool ? this.retention.maxToolOperations : this.retention.maxOperations;
    const pool = this.all().filter(
      ({ operation }) => operation.operationType.startsWith(TOOL_OPERATION_PREFIX) === forTool,
    );
    if (pool.length < limit) return;
    const ended = pool.filter(({ operation }) => !isActive(operation));
    ended.sort((a, b) => a.operation.endedAt! - b.operation.endedAt! || a.number - b.number);
    const oldest = ended[0];
    if (!oldest) {
      throw new OpstreamError(
        'too_many_operations',
        `${limit} operations are running; no more can be opened`,
      );
    }
    this.drop(oldest);
  }

  private forget(events: ReadonlySet<RecordedEvent>): void {
    for (const { position } of events) this.trimmedThrough = Math.max(this.trimmedThrough, position);
    this.events = this.events.filter((event) => !events.has(event));
  }
}

/** What one answer may hold of the events from an index on. */
export function page(
  events: readonly RecordedEvent[],
  from: number,
  { limit, maxBytes }: PageBounds,
): RecordedEvent[] {
  const taken: RecordedEvent[] = [];
  let bytes = 0;
  for (let index = from; index < events.length && taken.length < limit && bytes < maxBytes; index++) {
    const event = events[index]!;
    taken.push(event);
    bytes += event.data.length;
  }
  return taken;
}

function firstIndexAfter(events: readonly RecordedEvent[], position: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (events[middle]!.position <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
