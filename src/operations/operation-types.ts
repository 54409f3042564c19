import type { RecordedEvent } from './operation-event.js';
import { TOOL_OPERATION_PREFIX } from './operation-store.js';

/** Families of types that Opstream's own parts give, each of which is one label. */
const FAMILIES = ['forge.attempt', TOOL_OPERATION_PREFIX.replace(/\/$/, ''), 'run'] as const;
const OTHER = 'other';

/**
 * The label of each operation's type. Clients name types as they like, so only those that the operator lists, that
 * this application runs itself, or that Opstream gives have a label; all others share one. That bounds the series,
 * and no tenant reads another's words.
 */
export class OperationTypes {
  /** Labels of operations that have not ended, by tenant and id. */
  private readonly running = new Map<string, string>();

  /** @param known whether a type has a label of its own */
  constructor(private readonly known: (type: string) => boolean) {}

  /** The label of the operation that an event belongs to; undefined for one that was opened in an earlier run. */
  labelOf({ tenant, operationId, seq, data }: RecordedEvent, isLast: boolean): string | undefined {
    const key = `${tenant}/${operationId}`;
    if (seq === 1) this.running.set(key, this.label(typeOf(data)));
    const label = this.running.get(key);
    if (isLast) this.running.delete(key);
    return label;
  }

  forget(tenant: string, operationId: string): void {
    this.running.delete(`${tenant}/${operationId}`);
  }

  label(type: string): string {
    if (this.known(type)) return type;
    return FAMILIES.find((family) => type === family || type.startsWith(`${family}/`)) ?? OTHER;
  }
}

/** Of the first event's data, which says what was opened. */
function typeOf(data: string): string {
  const { operation_type: type } = JSON.parse(data) as { operation_type?: unknown };
  return typeof type === 'string' ? type : OTHER;
}
