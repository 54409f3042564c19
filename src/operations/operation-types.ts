import type { OperationKey } from './operation-key.js';
import type { RecordedEvent } from './operation-event.js';
import { TOOL_OPERATION_PREFIX } from './operation-store.js';

/** Type families used by Opstream itself, each of which is one label. */
const FAMILIES = ['forge.attempt', TOOL_OPERATION_PREFIX.replace(/\/$/, ''), 'run'] as const;
const OTHER = 'other';

/**
 * Maps operation types to labels. Clients choose types freely, so only types listed by the operator, run by this
 * application or used by Opstream have their own label; all others share one. That bounds the series, and no tenant
 * sees another's words.
 */
export class OperationTypes {
  /** Labels of running operations, by tenant and id. */
  private readonly running = new Map<string, string>();

  /** @param known whether a type has its own label */
  constructor(private readonly known: (type: string) => boolean) {}

  /** The label of an event's operation; undefined for one created in an earlier run. */
  labelOf({ tenant, operationId, seq, data }: RecordedEvent, isLast: boolean): string | undefined {
    const key = `${tenant}/${operationId}`;
    if (seq === 1) this.running.set(key, this.label(typeOf(data)));
    const label = this.running.get(key);
    if (isLast) this.running.delete(key);
    return label;
  }

  forget({ tenant, operationId }: OperationKey): void {
    this.running.delete(`${tenant}/${operationId}`);
  }

  label(type: string): string {
    if (this.known(type)) return type;
    return FAMILIES.find((family) => type === family || type.startsWith(`${family}/`)) ?? OTHER;
  }
}

/** From the first event's data, which says what was created. */
function typeOf(data: string): string {
  const { operation_type: type } = JSON.parse(data) as { operation_type?: unknown };
  return typeof type === 'string' ? type : OTHER;
}
