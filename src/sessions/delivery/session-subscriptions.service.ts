import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Subscription as BusSubscription } from 'rxjs';
import { Followers } from '../../streaming/delivery/followers.js';
import type { Sink } from '../../streaming/delivery/sink.js';
import { Subscriptions } from '../../streaming/delivery/subscriptions.js';
import type { WireFormat } from '../../streaming/delivery/wire-format.js';
import type { SessionKey, SessionMessage } from '../session.js';
import { SessionBus } from '../session-bus.js';
import { SessionStore } from '../session-store.js';
import { canSee, viewerClass, type Restricted, type Viewer } from '../viewer.js';
import {
  AnnouncementLog,
  announcementTopic,
  type AnnouncementEntry,
  type AnnouncementTopic,
} from './announcement-log.js';
import { sessionTopic, topicKey, type SessionTopic } from './session-topic.js';

export interface SessionFollow {
  readonly session: SessionKey;
  readonly viewer: Viewer;
  readonly sink: Sink;
  readonly messages: WireFormat<SessionMessage>;
  /** Left out: announcements are not wanted. */
  readonly announcements?: WireFormat<AnnouncementEntry>;
  /** Seq after which to begin; left out, from now on. */
  readonly after?: number | undefined;
  readonly onError?: (error: unknown) => void;
}

/** Viewers of one class, and how many follow. */
interface ViewerClass {
  readonly viewer: Viewer;
  followers: number;
}

/**
 * Who follows which session on this node. What a viewer may see decides which broadcaster it belongs to: a message is
 * offered to the classes that see it, and nothing is asked for each socket.
 */
@Injectable()
export class SessionSubscriptions implements OnApplicationShutdown {
  private readonly messages: Followers<SessionMessage>;
  private readonly announcements: Followers<AnnouncementEntry>;
  private readonly log = new AnnouncementLog();
  private readonly classes = new Map<string, Map<string, ViewerClass>>();
  private readonly bus: readonly BusSubscription[];

  constructor(bus: SessionBus, store: SessionStore, { metrics }: Subscriptions) {
    this.messages = new Followers<SessionMessage>((topic) => {
      const { viewer } = topic as SessionTopic;
      return (after, bounds) => store.read(topic.tenant, topic.id!, viewer, after, bounds);
    }, metrics);
    this.announcements = new Followers<AnnouncementEntry>((topic) => {
      const { viewer, tenant, id } = topic as AnnouncementTopic;
      return (after, bounds) =>
        Promise.resolve(this.log.read({ tenant, sessionId: id! }, viewer, after, bounds));
    }, metrics);
    this.bus = [
      bus.messages$.subscribe((messages) =>
        this.messages.deliver(messages, (message) => this.topicsOf(message, message)),
      ),
      bus.announcements$.subscribe((announcement) => {
        if (!this.classes.has(sessionKey(announcement))) return;
        const entry = this.log.add(announcement);
        this.announcements.deliver([entry], () => this.topicsOf(announcement, announcement));
      }),
      bus.removed$.subscribe((removed) => {
        for (const session of removed) {
          for (const viewers of this.classes.get(sessionKey(session))?.keys() ?? [])
            this.messages.reset(topicKey(session, viewers));
        }
      }),
    ];
  }

  onApplicationShutdown(): void {
    for (const subscription of this.bus) subscription.unsubscribe();
    this.messages.close();
    this.announcements.close();
  }

  /** @returns ends it */
  follow({ session, viewer, sink, messages, announcements, after, onError }: SessionFollow): () => void {
    const leave = this.enter(session, viewer);
    const options = { sink, after, ...(onError && { onError }) };
    const following = this.messages.subscribe({
      ...options,
      topic: sessionTopic(session, viewer),
      format: messages,
    });
    const announced =
      announcements &&
      this.announcements.subscribe({
        sink,
        topic: announcementTopic(session, viewer),
        format: announcements,
      });
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.messages.unsubscribe(following);
      if (announced) this.announcements.unsubscribe(announced);
      leave();
    };
  }

  /** Subscriptions to sessions on this node. */
  get count(): number {
    return this.messages.count();
  }

  /** Those of them that are sockets, which are told announcements, too. */
  get sockets(): number {
    return this.announcements.count();
  }

  private enter(session: SessionKey, viewer: Viewer): () => void {
    const key = sessionKey(session);
    const name = viewerClass(viewer);
    const classes = this.classes.get(key) ?? new Map<string, ViewerClass>();
    this.classes.set(key, classes);
    const own = classes.get(name) ?? { viewer, followers: 0 };
    classes.set(name, own);
    own.followers += 1;
    return () => {
      own.followers -= 1;
      if (own.followers === 0) classes.delete(name);
      if (classes.size > 0 || this.classes.get(key) !== classes) return;
      this.classes.delete(key);
      this.log.forget(session);
    };
  }

  /** The topics of the classes that see it. */
  private *topicsOf(session: SessionKey, restricted: Restricted): Generator<string> {
    for (const [name, { viewer }] of this.classes.get(sessionKey(session)) ?? []) {
      if (canSee(viewer, restricted)) yield topicKey(session, name);
    }
  }
}

function sessionKey({ tenant, sessionId }: SessionKey): string {
  return JSON.stringify([tenant, sessionId]);
}
