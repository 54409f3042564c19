import type { OperationKey } from '../../operations/operation-key.js';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import type { Principal } from '../../auth/principal.js';
import { EventBus } from '../../operations/event-bus.js';
import { LogPlaces } from '../../operations/log-places.js';
import { parseLogToken } from '../../operations/log-token.js';
import { isFinal, type RecordedEvent } from '../../operations/operation-event.js';
import { OperationStore } from '../../operations/operation-store.js';
import { isActive, type Operation } from '../../operations/operation.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { topicKey } from '../../streaming/delivery/operation-topic.js';
import type { PageBounds } from '../../streaming/delivery/topic.js';
import type { FeedRequest, StreamFeed } from '../stream-feed.js';
import { StreamNamespaces } from '../stream-namespaces.js';
import type { Place, StreamNamespace, StreamReader, StreamView } from '../stream-reader.js';
import { streamTopic, type DeliveredEntry } from '../stream-topic.js';
import { StreamsService } from '../streams.service.js';
import { decodeOperationOffset, encodeOperationOffset, type OperationOffset } from './operation-offset.js';

/** Events of one read; the bytes bound it, too. */
const MAX_EVENTS = 4096;

interface OperationView extends StreamView {
  readonly log: OperationOffset['log'];
  readonly key: string;
  readonly tenant: string;
  readonly operationId: string;
  /** The lowest seq still stored. */
  readonly first: number;
}

/** Every operation as a stream to read: `operations/<id>`, one event a message. */
@Injectable()
export class OperationStreams implements StreamNamespace, OnApplicationShutdown {
  readonly scope = 'operations:read';
  private readonly feed: StreamFeed;
  /** Operations that are followed here, by topic. */
  private readonly following = new Map<string, { readonly view: OperationView; readers: number }>();
  private readonly bus: readonly Subscription[];

  constructor(
    namespaces: StreamNamespaces,
    streams: StreamsService,
    bus: EventBus,
    private readonly store: OperationStore,
    private readonly places: LogPlaces,
  ) {
    namespaces.register('operations', this);
    this.feed = streams.createFeed(({ key }) => async (after, bounds) => {
      const view = this.following.get(key)?.view;
      return view ? this.page(view, after, bounds) : null;
    });
    this.bus = [
      bus.events$.subscribe((events) => this.publish(events)),
      bus.removed$.subscribe((removed) => {
        for (const { tenant, operationId } of removed) this.feed.end(topicKey(tenant, operationId));
      }),
    ];
  }

  onApplicationShutdown(): void {
    for (const subscription of this.bus) subscription.unsubscribe();
    this.feed.close();
  }

  reader({ tenant }: Principal, operationId: string): StreamReader {
    return new OperationStreamReader(this, tenant, operationId);
  }

  /** @throws OpstreamError `stream_not_found` */
  async view({ tenant, operationId }: OperationKey): Promise<OperationView> {
    const operation = await this.store.get({ tenant, operationId });
    if (!operation) throw new OpstreamError('stream_not_found', `There is no operation ${operationId}`);
    return this.viewOf(operation);
  }

  /** @throws OpstreamError `stream_gone`, `invalid_cursor` */
  async check(view: OperationView, offset: string | null): Promise<number> {
    const { tenant, operationId, first } = view;
    if (offset === null) return first - 1;
    const { log, seq } = decodeOperationOffset(offset);
    const named = `${log.uid}.${log.epoch}.${log.operation}`;
    const { lost } = await this.places.checkOperation({ tenant, operationId }, seq, named);
    if (lost) throw new OpstreamError('stream_gone', 'The log was restored or lost data: read from -1');
    if (seq < first - 1) throw new OpstreamError('stream_gone', 'The events are trimmed: read from -1');
    return seq;
  }

  async page(view: OperationView, after: number, bounds: PageBounds) {
    const page = await this.store.readOperation(view, after, bounds);
    if (!page) return null;
    const { first, head } = page;
    return { first, head, events: page.events.map((event) => entryOf(view, event, event.seq === head)) };
  }

  follow(view: OperationView, request: FeedRequest): () => void {
    const { key, tenant } = view;
    const followed = this.following.get(key) ?? { view, readers: 0 };
    this.following.set(key, followed);
    followed.readers += 1;
    const end = this.feed.follow(streamTopic(tenant, key), request);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      end();
      followed.readers -= 1;
      if (followed.readers === 0 && this.following.get(key) === followed) this.following.delete(key);
    };
  }

  onceChanged({ key }: OperationView, wake: () => void): () => void {
    return this.feed.onceChanged(key, wake);
  }

  private async viewOf(operation: Operation): Promise<OperationView> {
    const { tenant, operationId, eventCount, firstSeq } = operation;
    const token = await this.places.tokenOfOperation(operation);
    const log = parseLogToken(token) as OperationOffset['log'];
    return {
      tag: token,
      contentType: 'application/json',
      lifetime: { ttlSeconds: null, expiresAt: null },
      closed: !isActive(operation),
      isPublic: false,
      tail: eventCount,
      tailOffset: encodeOperationOffset({ log, seq: eventCount }),
      operationId,
      tenant,
      first: firstSeq,
      log,
      key: topicKey(tenant, operationId),
    };
  }

  private publish(events: readonly RecordedEvent[]): void {
    const due = new Map<string, DeliveredEntry[]>();
    for (const event of events) {
      const key = topicKey(event.tenant, event.operationId);
      if (!this.feed.has(key)) continue;
      const added = due.get(key) ?? [];
      due.set(key, added);
      const view = this.following.get(key)?.view;
      if (!view) continue;
      if (added.length > 0) added.push({ ...added.pop()!, isNewest: false });
      added.push(entryOf(view, event, true));
    }
    if (due.size > 0) this.feed.deliver(due);
  }
}

class OperationStreamReader implements StreamReader<OperationView> {
  constructor(
    private readonly streams: OperationStreams,
    private readonly tenant: string,
    private readonly operationId: string,
  ) {}

  view(): Promise<OperationView> {
    return this.streams.view({ tenant: this.tenant, operationId: this.operationId });
  }

  async locate(offset: string | null): Promise<Place<OperationView>> {
    const view = await this.view();
    return { view, position: await this.streams.check(view, offset) };
  }

  async entriesFrom({ view, position }: Place<OperationView>, maxBytes: number) {
    const page = await this.streams.page(view, position, { limit: MAX_EVENTS, maxBytes });
    return page?.events ?? [];
  }

  restOfEntry(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  seqBefore({ position }: Place<OperationView>): Promise<number> {
    return Promise.resolve(position);
  }

  follow(view: OperationView, request: FeedRequest): () => void {
    return this.streams.follow(view, request);
  }

  onceChanged(view: OperationView, wake: () => void): () => void {
    return this.streams.onceChanged(view, wake);
  }
}

function entryOf({ log }: OperationView, event: RecordedEvent, isNewest: boolean): DeliveredEntry {
  const { seq, type, json } = event;
  return {
    seq,
    start: seq - 1,
    length: 1,
    data: Buffer.from(json),
    closes: isFinal(type),
    isNewest,
    nextOffset: encodeOperationOffset({ log, seq }),
  };
}
