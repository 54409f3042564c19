import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import type { Principal } from '../../auth/principal.js';
import { Configuration } from '../../config/configuration.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { PageBounds } from '../../streaming/delivery/topic.js';
import type { FeedRequest, StreamFeed } from '../../streams/stream-feed.js';
import { StreamNamespaces } from '../../streams/stream-namespaces.js';
import type { Place, StreamNamespace, StreamReader, StreamView } from '../../streams/stream-reader.js';
import { streamTopic, type DeliveredEntry } from '../../streams/stream-topic.js';
import { StreamsService } from '../../streams/streams.service.js';
import { actorOf } from '../actor.js';
import type { Session, SessionKey, SessionMessage } from '../session.js';
import { SessionBus } from '../session-bus.js';
import { SessionStore } from '../session-store.js';
import { canSee, viewerClass, type Viewer } from '../viewer.js';
import {
  decodeSessionOffset,
  encodeSessionOffset,
  isSameTime,
  type SessionOffset,
} from './session-offset.js';
import { endOf, entryOf } from './session-stream-entries.js';
import { topicKey } from './session-topic.js';

/** Messages of one read; the bytes bound it, too. */
const MAX_MESSAGES = 1000;
const ONE = { limit: 1, maxBytes: 1 };
const NEWEST = { order: 'newest', limit: 1 } as const;

interface SessionView extends StreamView {
  readonly session: Session;
  readonly viewer: Viewer;
  readonly key: string;
}

interface Followed {
  readonly view: SessionView;
  readers: number;
}

/** Every session as a stream to read: `sessions/<id>`, one message that the reader may see a message. */
@Injectable()
export class SessionStreams implements StreamNamespace, OnApplicationShutdown {
  readonly scope = 'sessions:read';
  private readonly feed: StreamFeed;
  /** What is followed here, by session and by the topics of its classes of viewers. */
  private readonly following = new Map<string, Map<string, Followed>>();
  private readonly bus: readonly Subscription[];

  constructor(
    namespaces: StreamNamespaces,
    streams: StreamsService,
    bus: SessionBus,
    private readonly store: SessionStore,
    private readonly configuration: Configuration,
  ) {
    namespaces.register('sessions', this);
    this.feed = streams.createFeed((topic) => {
      const view = this.following.get(topic.id!)?.get(topic.key)?.view;
      return (after, bounds) => (view ? this.page(view, after, bounds) : Promise.resolve(null));
    });
    this.bus = [
      bus.messages$.subscribe((messages) => this.publish(messages)),
      bus.closed$.subscribe((session) => {
        // Who is not told now is told when it asks again, a minute later at most.
        this.publishEnd(session).catch(() => {});
      }),
      bus.removed$.subscribe((removed) => {
        for (const session of removed) for (const key of this.keysOf(session)) this.feed.end(key);
      }),
    ];
  }

  onApplicationShutdown(): void {
    for (const subscription of this.bus) subscription.unsubscribe();
    this.feed.close();
  }

  reader(principal: Principal, sessionId: string): StreamReader {
    const { tenant, viewer } = actorOf(principal, this.configuration.sessions.visibility === 'open');
    return new SessionStreamReader(this, { tenant, sessionId }, viewer);
  }

  /** @throws OpstreamError `stream_not_found` */
  async view({ tenant, sessionId }: SessionKey, viewer: Viewer): Promise<SessionView> {
    const session = await this.store.get(tenant, sessionId);
    if (!session) throw new OpstreamError('stream_not_found', 'There is no such session');
    const newest = await this.newest(session, viewer);
    const { createdAt } = session;
    return {
      tag: `${Math.round(createdAt * 1000)}.${viewerClass(viewer)}`.replace(/[^\w.*-]/g, '_'),
      contentType: 'application/json',
      lifetime: { ttlSeconds: null, expiresAt: null },
      closed: session.closedAt !== null,
      isPublic: false,
      tail: newest?.seq ?? 0,
      tailOffset: encodeSessionOffset({
        createdAt,
        seq: newest?.seq ?? 0,
        timestamp: newest?.timestamp ?? 0,
      }),
      operationId: null,
      session,
      viewer,
      key: topicKey(session, viewerClass(viewer)),
    };
  }

  /** @throws OpstreamError `stream_gone`, `invalid_cursor` */
  async check({ session, viewer }: SessionView, offset: string | null): Promise<number> {
    const { firstSeq } = session;
    if (offset === null) return firstSeq - 1;
    const place = decodeSessionOffset(offset);
    const isSame = isSameTime(place.createdAt, session.createdAt);
    if (!isSame || place.seq < firstSeq - 1)
      throw new OpstreamError('stream_gone', 'The messages are gone: read from -1');
    // Of the message before the oldest one that is left, nothing is left to compare.
    if (place.seq >= firstSeq && !(await this.holds(session, viewer, place)))
      throw new OpstreamError('stream_gone', 'The log was restored or lost data: read from -1');
    return place.seq;
  }

  /** What is left for the viewer after a seq, and the end of the session behind it. */
  async page({ session, viewer }: SessionView, after: number, bounds: PageBounds) {
    const { tenant, sessionId } = session;
    const now = await this.store.get(tenant, sessionId);
    const page = now && (await this.store.read(tenant, sessionId, viewer, after, bounds));
    if (!page) return null;
    const { first, head } = page;
    const last = page.events.at(-1);
    const isComplete = head <= (last?.seq ?? after) || !(await this.hasMore(now, viewer, last?.seq ?? after));
    const isClosed = now.closedAt !== null;
    const events = page.events.map((message) =>
      entryOf(session, message, isComplete && !isClosed && message === last),
    );
    if (!isComplete || !isClosed || after > now.lastSeq)
      return { events, first, head: isComplete ? Math.max(after, last?.seq ?? 0) : head };
    const end = endOf(now, last ?? (await this.newest(now, viewer)));
    return { events: [...events, end], first, head: end.seq };
  }

  follow(view: SessionView, request: FeedRequest): () => void {
    const { key, session } = view;
    const name = nameOf(session);
    const classes = this.following.get(name) ?? new Map<string, Followed>();
    this.following.set(name, classes);
    const followed = classes.get(key) ?? { view, readers: 0 };
    classes.set(key, followed);
    followed.readers += 1;
    const end = this.feed.follow({ ...streamTopic(session.tenant, key), id: name }, request);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      end();
      followed.readers -= 1;
      if (followed.readers === 0) classes.delete(key);
      if (classes.size === 0 && this.following.get(name) === classes) this.following.delete(name);
    };
  }

  /** A message that this viewer does not see may wake it, and leaves it waiting. */
  onceChanged({ session }: SessionView, wake: () => void): () => void {
    return this.feed.onceChanged(nameOf(session), wake);
  }

  private async holds(session: Session, viewer: Viewer, { seq, timestamp }: SessionOffset): Promise<boolean> {
    const message = await this.messageAfter(session, viewer, seq - 1);
    return message?.seq === seq && isSameTime(message.timestamp, timestamp);
  }

  private async hasMore(session: Session, viewer: Viewer, after: number): Promise<boolean> {
    return (await this.messageAfter(session, viewer, after)) !== undefined;
  }

  /** The newest message that the viewer sees. */
  private async newest(session: Session, viewer: Viewer): Promise<SessionMessage | undefined> {
    const { tenant, sessionId, lastSeq } = session;
    if (lastSeq === 0) return undefined;
    // Looking back over the messages of others costs more, and is seldom needed.
    const last = await this.messageAfter(session, viewer, lastSeq - 1);
    return last ?? (await this.store.find(tenant, sessionId, { ...NEWEST, viewer }))?.messages[0];
  }

  private async messageAfter(
    { tenant, sessionId }: SessionKey,
    viewer: Viewer,
    after: number,
  ): Promise<SessionMessage | undefined> {
    return (await this.store.read(tenant, sessionId, viewer, after, ONE))?.events[0];
  }

  private keysOf(session: SessionKey): readonly string[] {
    const name = nameOf(session);
    return [name, ...(this.following.get(name)?.keys() ?? [])];
  }

  private publish(messages: readonly SessionMessage[]): void {
    const due = new Map<string, DeliveredEntry[]>();
    for (const message of messages) {
      const name = nameOf(message);
      if (this.feed.has(name)) due.set(name, []);
      for (const [key, { view }] of this.following.get(name) ?? []) {
        if (!canSee(view.viewer, message)) continue;
        const added = due.get(key) ?? [];
        due.set(key, added);
        if (added.length > 0) added.push({ ...added.pop()!, isNewest: false });
        added.push(entryOf(view.session, message, true));
      }
    }
    if (due.size > 0) this.feed.deliver(due);
  }

  private async publishEnd(key: SessionKey): Promise<void> {
    const session = await this.store.get(key.tenant, key.sessionId);
    if (!session) return;
    const due = new Map<string, DeliveredEntry[]>([[nameOf(key), []]]);
    for (const [topic, { view }] of this.following.get(nameOf(key)) ?? [])
      due.set(topic, [endOf(session, await this.newest(session, view.viewer))]);
    this.feed.deliver(due);
  }
}

class SessionStreamReader implements StreamReader<SessionView> {
  constructor(
    private readonly streams: SessionStreams,
    private readonly session: SessionKey,
    private readonly viewer: Viewer,
  ) {}

  view(): Promise<SessionView> {
    return this.streams.view(this.session, this.viewer);
  }

  async locate(offset: string | null): Promise<Place<SessionView>> {
    const view = await this.view();
    return { view, position: await this.streams.check(view, offset) };
  }

  async entriesFrom({ view, position }: Place<SessionView>, maxBytes: number) {
    const page = await this.streams.page(view, position, { limit: MAX_MESSAGES, maxBytes });
    return page?.events ?? [];
  }

  restOfEntry(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  seqBefore({ position }: Place<SessionView>): Promise<number> {
    return Promise.resolve(position);
  }

  follow(view: SessionView, request: FeedRequest): () => void {
    return this.streams.follow(view, request);
  }

  onceChanged(view: SessionView, wake: () => void): () => void {
    return this.streams.onceChanged(view, wake);
  }
}

const nameOf = ({ tenant, sessionId }: SessionKey): string => JSON.stringify([tenant, sessionId]);
