import type { Observable } from 'rxjs';
import type { RecordedEvent } from './operation-event.js';
import type { RemovedOperation } from './operation-store.js';

/**
 * Port: wakes everything that follows the log (D-05). It carries only what is already stored, in log order per
 * operation; who missed something reads it from the store. Other nodes' events arrive here too.
 */
export abstract class EventBus {
  /** One emission per commit, so that followers do their per-flush work once however many events were recorded. */
  abstract readonly events$: Observable<readonly RecordedEvent[]>;
  abstract readonly removed$: Observable<readonly RemovedOperation[]>;
  abstract publish(events: readonly RecordedEvent[]): void;
  abstract publishRemoved(removed: readonly RemovedOperation[]): void;
}
