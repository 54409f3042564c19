import type { OperationKey } from '../operation-key.js';
import type { RecordedEvent } from '../operation-event.js';
import type { PageBounds } from '../operation-store.js';
import { TENANT_SPAN, toEvent, type OnDamage } from './sqlite-rows.js';
import type { TenantState } from './sqlite-snapshots.js';
import type { EventRow, Statements } from './sqlite-statements.js';

/** Rows scanned per read where removed operations' rows are still present. */
const SCAN_STEP = 2000;

/** Some events, or where to continue when everything scanned belongs to removed operations. */
export interface TenantEvents {
  readonly events: readonly RecordedEvent[];
  readonly next?: number;
}

/** The reading half of the SQLite store: pages of logs, each event verified against its checksum. */
export class SqliteLogReader {
  constructor(
    private readonly sql: Statements,
    private readonly onDamage: OnDamage,
  ) {}

  ofOperation(key: OperationKey, op: number, afterSeq: number, bounds: PageBounds): RecordedEvent[] {
    return this.fitting(key, this.sql.eventsOfOperation, op, afterSeq, bounds);
  }

  /** Newest first. */
  before(key: OperationKey, op: number, beforeSeq: number, bounds: PageBounds): RecordedEvent[] {
    return this.fitting(key, this.sql.eventsBefore, op, beforeSeq, bounds);
  }

  private fitting(
    { tenant, operationId }: OperationKey,
    statement: Statements['eventsOfOperation'],
    op: number,
    seq: number,
    { limit, maxBytes }: PageBounds,
  ): RecordedEvent[] {
    const events: RecordedEvent[] = [];
    let size = 0;
    // Stopping early keeps large events from accumulating in memory.
    for (const row of statement.iterate(operationId, op, seq, limit)) {
      events.push(toEvent(tenant, row, this.onDamage));
      size += row.data.length;
      if (size >= maxBytes) break;
    }
    return events;
  }

  ofTenant({ name, tenantNo }: TenantState, after: number, bounds: PageBounds): TenantEvents {
    const base = tenantNo * TENANT_SPAN;
    const events: RecordedEvent[] = [];
    const known = new Map<number, string | undefined>();
    let size = 0;
    let scanned = 0;
    let last = base + after;
    for (const row of this.sql.eventsOfTenant.iterate(last, base + TENANT_SPAN, SCAN_STEP)) {
      scanned++;
      last = row.position;
      const { op } = row;
      if (!known.has(op)) known.set(op, this.sql.operationId.get(op)?.operation_id);
      const operationId = known.get(op);
      if (operationId === undefined) continue;
      events.push(toEvent(name, { ...row, operation_id: operationId } satisfies EventRow, this.onDamage));
      size += row.data.length;
      if (size >= bounds.maxBytes || events.length >= bounds.limit) break;
    }
    return events.length === 0 && scanned === SCAN_STEP ? { events, next: last - base } : { events };
  }
}
