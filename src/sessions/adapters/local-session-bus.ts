import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Subject } from 'rxjs';
import type { SessionKey, SessionMessage } from '../session.js';
import { SessionBus, type Announcement } from '../session-bus.js';

/** The bus of a single process. */
@Injectable()
export class LocalSessionBus extends SessionBus implements OnApplicationShutdown {
  private readonly messages = new Subject<readonly SessionMessage[]>();
  private readonly announcements = new Subject<Announcement>();
  private readonly removed = new Subject<readonly SessionKey[]>();
  private readonly closed = new Subject<SessionKey>();
  readonly messages$ = this.messages.asObservable();
  readonly announcements$ = this.announcements.asObservable();
  readonly removed$ = this.removed.asObservable();
  readonly closed$ = this.closed.asObservable();

  publish(messages: readonly SessionMessage[]): void {
    this.messages.next(messages);
  }

  announce(announcement: Announcement): void {
    this.announcements.next(announcement);
  }

  publishClosed(session: SessionKey): void {
    this.closed.next(session);
  }

  publishRemoved(removed: readonly SessionKey[]): void {
    this.removed.next(removed);
  }

  onApplicationShutdown(): void {
    this.messages.complete();
    this.announcements.complete();
    this.removed.complete();
    this.closed.complete();
  }
}
