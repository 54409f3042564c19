import { turnBudget } from '../../platform/lifecycle/turn-budget.js';
import { formatCursor, keyOf, parseCursor, type ListPlace } from '../list-cursor.js';
import type { OperationFilter } from '../operation-filter.js';
import type { FilteredCounts, ListQuery, OperationPage } from '../operation-store.js';
import type { Operation } from '../operation.js';
import { LIST_BOUNDS, type ListBounds } from './list-bounds.js';
import { LIST_PAGE_BYTES } from './retention.js';
import { partsOf, type ListParts } from './sqlite-list-ranges.js';
import type { CountRow, ListRow } from './sqlite-list-statements.js';
import { PHASES, toOperation, type OnDamage } from './sqlite-rows.js';
import type { OperationRow, Statements } from './sqlite-statements.js';

interface ListedTenant {
  readonly name: string;
  readonly tenantNo: number;
}

/** Runs a query unless the store was closed meanwhile. */
export type Read = <T>(query: () => T) => Promise<T>;

/** Listings and counts of the SQLite store: in steps, between which others are served. */
export class SqliteListing {
  constructor(
    private readonly sql: Statements,
    private readonly read: Read,
    private readonly onDamage: OnDamage,
    private readonly bounds: ListBounds = LIST_BOUNDS,
  ) {}

  /** @throws OpstreamError `invalid_cursor` */
  async list(tenant: ListedTenant, query: ListQuery): Promise<OperationPage> {
    const key = keyOf(query);
    let place = parseCursor(query.cursor, key);
    const parts = await this.read(() => partsOf(this.sql, tenant.tenantNo, query, this.bounds));
    const page = new Page(query.limit);
    for (let scanned = 0; ;) {
      const window = parts.exact ? query.limit + 1 : this.bounds.step;
      const step = await this.read(() => this.step(tenant, parts, place, window, page));
      scanned += step.scanned;
      if (page.isFull || step.atEnd) break;
      place = step.last;
      if (scanned < this.bounds.page) {
        await turnBudget.turn();
        continue;
      }
      return { operations: page.operations, nextCursor: formatCursor(place, key), incomplete: true };
    }
    const { last } = page;
    return {
      operations: page.operations,
      nextCursor: page.isFull && last ? formatCursor(last, key) : null,
      ...(parts.incomplete && { incomplete: true }),
    };
  }

  async count(tenant: ListedTenant, filter: OperationFilter): Promise<FilteredCounts> {
    const parts = await this.read(() => partsOf(this.sql, tenant.tenantNo, filter, this.bounds));
    const sums = { running: 0, completed: 0, error: 0, cancelled: 0 };
    let scanned = 0;
    for (const part of parts.parts) {
      let place = parseCursor(undefined, parts.key);
      for (;;) {
        if (scanned >= this.bounds.count) return { ...sums, incomplete: true };
        const window = part.count ? 10 * this.bounds.step : this.bounds.step;
        const counted: Counted = await this.read(() =>
          part.count ? part.count(place.number, window) : countRows(part.rows(place, window)),
        );
        sums.running += counted.running ?? 0;
        sums.completed += counted.completed ?? 0;
        sums.error += counted.error ?? 0;
        sums.cancelled += counted.cancelled ?? 0;
        scanned += counted.scanned;
        if (counted.scanned < window) break;
        place = { value: counted.lastValue ?? 0, number: counted.last ?? 0 };
        await turnBudget.turn();
      }
    }
    return sums;
  }

  /** Looks at the next rows of every part, as far as all of them are known. */
  private step(
    tenant: ListedTenant,
    { parts }: ListParts,
    place: ListPlace,
    window: number,
    page: Page,
  ): { scanned: number; last: ListPlace; atEnd: boolean } {
    const ranges = parts.map((part) => part.rows(place, window));
    // A full range may go on: what the others have behind its last row has to wait.
    let knownTo: ListRow | undefined;
    for (const rows of ranges) {
      const end = rows.length === window ? rows.at(-1) : undefined;
      if (end && (!knownTo || compare(end, knownTo) < 0)) knownTo = end;
    }
    const merged = ranges.length === 1 ? ranges[0]! : ranges.flat().sort(compare);
    let last = place;
    let scanned = 0;
    for (const row of merged) {
      if (knownTo && compare(row, knownTo) > 0) break;
      scanned += 1;
      last = { value: row.value, number: row.op };
      if (row.hit) this.take(tenant, row, page);
      if (page.isFull) break;
    }
    return { scanned, last, atEnd: !knownTo };
  }

  private take(tenant: ListedTenant, { op, value }: ListRow, page: Page): void {
    if (page.closes()) return;
    const row = this.sql.listed.get(op);
    // An index of a damaged file may point to a missing row.
    if (!row) this.onDamage(`the listing: operation number ${op} is missing`);
    else page.add(toOperation(tenant.name, row, this.onDamage), { value, number: op }, sizeOf(row));
  }
}

/** What is found, up to the limits of a page. */
class Page {
  readonly operations: Operation[] = [];
  last: ListPlace | undefined;
  /** There is at least one more. */
  isFull = false;
  private size = 0;

  constructor(private readonly limit: number) {}

  /** Asked before each one that was found. */
  closes(): boolean {
    this.isFull ||= this.operations.length >= this.limit || this.size >= LIST_PAGE_BYTES;
    return this.isFull;
  }

  add(operation: Operation, place: ListPlace, size: number): void {
    this.operations.push(operation);
    this.last = place;
    this.size += size;
  }
}

function sizeOf({ metadata, message, outcome }: OperationRow): number {
  return metadata.length + message.length + (outcome?.length ?? 0);
}

function compare(a: ListRow, b: ListRow): number {
  return b.value - a.value || b.op - a.op;
}

/** Aggregates of some rows, and the place of the last of them. */
interface Counted extends CountRow {
  readonly lastValue?: number;
}

function countRows(rows: readonly ListRow[]): Counted {
  const counted = { running: 0, completed: 0, error: 0, cancelled: 0 };
  for (const { hit, phase } of rows) {
    if (!hit) continue;
    if (phase === PHASES.completed) counted.completed += 1;
    else if (phase === PHASES.error) counted.error += 1;
    else if (phase === PHASES.cancelled) counted.cancelled += 1;
    else counted.running += 1;
  }
  const last = rows.at(-1);
  return { ...counted, scanned: rows.length, last: last?.op ?? 0, lastValue: last?.value ?? 0 };
}
