import type { Page, PageBounds, Topic } from '../../streaming/delivery/topic.js';
import type { SessionKey } from '../session.js';
import type { Announcement } from '../session-bus.js';
import { canSee, viewerClass, type Viewer } from '../viewer.js';
import { topicKey } from './session-topic.js';

/** What a session's slow viewers can still be given, in characters; the oldest give way. */
const MAX_CHARACTERS = 512 * 1024;
const MAX_ENTRIES = 2000;

/** An announcement and its place among those of its session. */
export class AnnouncementEntry {
  constructor(
    readonly announcement: Announcement,
    readonly place: number,
    readonly characters: number,
  ) {}
}

interface Kept {
  entries: AnnouncementEntry[];
  characters: number;
  last: number;
}

/** The newest announcements of the sessions that are followed here, for viewers that do not take them at once. */
export class AnnouncementLog {
  private readonly sessions = new Map<string, Kept>();

  add(announcement: Announcement): AnnouncementEntry {
    const key = keyOf(announcement);
    const kept = this.sessions.get(key) ?? { entries: [], characters: 0, last: 0 };
    this.sessions.set(key, kept);
    let characters = 0;
    for (const text of announcement.texts) characters += text.length;
    const entry = new AnnouncementEntry(announcement, ++kept.last, characters);
    kept.entries.push(entry);
    kept.characters += characters;
    while (
      kept.entries.length > MAX_ENTRIES ||
      (kept.characters > MAX_CHARACTERS && kept.entries.length > 1)
    ) {
      kept.characters -= kept.entries.shift()!.characters;
    }
    return entry;
  }

  /** Nobody follows the session any more. */
  forget(session: SessionKey): void {
    this.sessions.delete(keyOf(session));
  }

  read(session: SessionKey, viewer: Viewer, after: number, bounds: PageBounds): Page<AnnouncementEntry> {
    const kept = this.sessions.get(keyOf(session));
    if (!kept) return { events: [], first: 1, head: after };
    const events: AnnouncementEntry[] = [];
    let characters = 0;
    const first = kept.entries[0]?.place ?? kept.last + 1;
    for (const entry of kept.entries.slice(Math.max(0, after + 1 - first))) {
      if (!canSee(viewer, entry.announcement)) continue;
      events.push(entry);
      characters += entry.characters;
      if (events.length >= bounds.limit || characters >= bounds.maxBytes) {
        return { events, first, head: kept.last };
      }
    }
    return { events, first, head: events.at(-1)?.place ?? Math.min(after, kept.last) };
  }
}

export interface AnnouncementTopic extends Topic<AnnouncementEntry> {
  readonly viewer: Viewer;
}

export function announcementTopic(session: SessionKey, viewer: Viewer): AnnouncementTopic {
  return {
    tenant: session.tenant,
    id: session.sessionId,
    key: topicKey(session, viewerClass(viewer)),
    viewer,
    contiguous: true,
    cursorOf: ({ place }) => place,
    isFinal: () => false,
  };
}

function keyOf({ tenant, sessionId }: SessionKey): string {
  return JSON.stringify([tenant, sessionId]);
}
