import type { Observable } from 'rxjs';
import type { RecordedEvent } from './operation-event.js';
import type { OperationKey } from './operation-key.js';

/**
 * Port: wakes everything that follows the log. It carries only stored events, in log order per operation; missed
 * events are read from the store. Events of other nodes arrive here, too.
 */
export abstract class EventBus {
  /** One emission per commit, so that followers do their per-flush work once for any number of events. */
  abstract readonly events$: Observable<readonly RecordedEvent[]>;
  abstract readonly removed$: Observable<readonly OperationKey[]>;
  abstract publish(events: readonly RecordedEvent[]): void;
  abstract publishRemoved(removed: readonly OperationKey[]): void;
}
