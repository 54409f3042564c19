import type { Observable } from 'rxjs';
import type { SessionKey, SessionMessage } from './session.js';
import type { Restricted } from './viewer.js';

/** Something that the viewers of a session are told once and that is in no log: an update of memory, or what another process announced. */
export interface Announcement extends SessionKey, Restricted {
  /** JSON texts, each a message of its own on a socket. */
  readonly texts: readonly string[];
}

/**
 * Port: wakes everything that follows sessions. Messages on it are stored already, in the order of their session; who
 * missed some reads them from the store. What other nodes add arrives here too.
 */
export abstract class SessionBus {
  /** One emission per commit. */
  abstract readonly messages$: Observable<readonly SessionMessage[]>;
  abstract readonly announcements$: Observable<Announcement>;
  abstract readonly removed$: Observable<readonly SessionKey[]>;
  /** Sessions that were ended: no message comes after those that were told. */
  abstract readonly closed$: Observable<SessionKey>;
  abstract publish(messages: readonly SessionMessage[]): void;
  abstract announce(announcement: Announcement): void;
  abstract publishClosed(session: SessionKey): void;
  abstract publishRemoved(removed: readonly SessionKey[]): void;
}
