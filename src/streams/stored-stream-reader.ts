import { OpstreamError } from '../platform/errors/opstream-error.js';
import { restOf } from './entry-data.js';
import { after } from './grow.js';
import { decodeOffset, isKnown } from './offset.js';
import type { FeedRequest } from './stream-feed.js';
import type { Place, StreamReader, StreamView } from './stream-reader.js';
import type { DeliveredEntry } from './stream-topic.js';
import type { StreamHead } from './stream.js';
import { offsetAt, type StreamsService } from './streams.service.js';

interface StoredView extends StreamView {
  readonly head: StreamHead;
}

/** A stream that was created over the protocol. */
export class StoredStreamReader implements StreamReader<StoredView> {
  constructor(
    private readonly streams: StreamsService,
    private readonly tenant: string,
    private readonly path: string,
  ) {}

  async view(): Promise<StoredView> {
    return viewOf(await this.streams.find(this.tenant, this.path));
  }

  async locate(offset: string | null): Promise<Place<StoredView>> {
    const known = offset === null ? null : decodeOffset(offset);
    const head = await this.streams.find(this.tenant, this.path);
    this.streams.touch(head);
    const view = viewOf(head);
    if (known === null) return { view, position: 0 };
    if (!isKnown(head.generations, known))
      throw new OpstreamError('stream_gone', 'The log was restored or lost data: read from -1');
    if (known.position > head.tail) throw new OpstreamError('invalid_cursor', 'The offset is beyond the end');
    return { view, position: known.position };
  }

  async entriesFrom(place: Place<StoredView>, maxBytes: number): Promise<readonly DeliveredEntry[]> {
    const { view, position } = place;
    const entries = await this.streams.entriesAfter(view.head, await this.seqBefore(place), maxBytes);
    const [first, ...rest] = entries;
    if (!first || first.start >= position) return entries;
    return [{ ...first, ...after(first, position, restOf(view.contentType)) }, ...rest];
  }

  async restOfEntry(place: Place<StoredView>): Promise<DeliveredEntry | undefined> {
    const { view, position } = place;
    if (position === 0) return undefined;
    const [first] = await this.streams.entriesAfter(view.head, await this.seqBefore(place), 1);
    if (!first || first.start >= position) return undefined;
    return { ...first, ...after(first, position, restOf(view.contentType)) };
  }

  async seqBefore({ view, position }: Place<StoredView>): Promise<number> {
    if (position === 0) return 0;
    if (position >= view.tail) return view.head.lastSeq;
    return (await this.streams.seqAt(view.head, position)) - 1;
  }

  follow({ head }: StoredView, request: FeedRequest): () => void {
    return this.streams.follow(head, request);
  }

  onceChanged({ head }: StoredView, wake: () => void): () => void {
    return this.streams.onceChanged(head, wake);
  }
}

function viewOf(head: StreamHead): StoredView {
  const { id, contentType, lifetime, closed, isPublic, tail, operationId } = head;
  const tailOffset = offsetAt(head, tail);
  return { head, tag: String(id), contentType, lifetime, closed, isPublic, tail, tailOffset, operationId };
}
