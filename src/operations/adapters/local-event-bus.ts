import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Subject } from 'rxjs';
import { EventBus } from '../event-bus.js';
import type { RecordedEvent } from '../operation-event.js';
import type { OperationKey } from '../operation-key.js';

/** Event bus of a single process. */
@Injectable()
export class LocalEventBus extends EventBus implements OnApplicationShutdown {
  private readonly events = new Subject<readonly RecordedEvent[]>();
  private readonly removed = new Subject<readonly OperationKey[]>();
  readonly events$ = this.events.asObservable();
  readonly removed$ = this.removed.asObservable();

  publish(events: readonly RecordedEvent[]): void {
    this.events.next(events);
  }

  publishRemoved(removed: readonly OperationKey[]): void {
    this.removed.next(removed);
  }

  /** Not earlier: subscribers receive events until their sockets are closed. */
  onApplicationShutdown(): void {
    this.events.complete();
    this.removed.complete();
  }
}
