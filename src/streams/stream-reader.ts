import type { Principal, Scope } from '../auth/principal.js';
import type { FeedRequest } from './stream-feed.js';
import type { DeliveredEntry } from './stream-topic.js';
import type { Lifetime } from './stream.js';

/** A stream as its readers see it, in any kind of storage. */
export interface StreamView {
  /** Tells this very stream from every other one that the path has had or will have; for entity tags. */
  readonly tag: string;
  readonly contentType: string;
  readonly lifetime: Lifetime;
  readonly closed: boolean;
  /** Shared caches may keep what is read. */
  readonly isPublic: boolean;
  /** Position after the last byte or message. */
  readonly tail: number;
  /** The token of the tail. */
  readonly tailOffset: string;
  /** The operation that was opened with the stream. */
  readonly operationId: string | null;
}

/** A view, and a position in it. */
export interface Place<View extends StreamView = StreamView> {
  readonly view: View;
  readonly position: number;
}

/** Reads one stream for one reader. Nothing in it depends on HTTP. */
export interface StreamReader<View extends StreamView = StreamView> {
  /** @throws OpstreamError `stream_not_found`, `stream_gone` */
  view(): Promise<View>;
  /**
   * Where an offset stands; null is the beginning. A sliding lifetime begins again.
   * @throws OpstreamError as `view`, `stream_gone` for what is trimmed or lost, `invalid_cursor`
   */
  locate(offset: string | null): Promise<Place<View>>;
  /** Entries from a position on, the first cut to begin there; at least one where there is one. */
  entriesFrom(place: Place<View>, maxBytes: number): Promise<readonly DeliveredEntry[]>;
  /** What is left of an entry that the place stands in the middle of. */
  restOfEntry(place: Place<View>): Promise<DeliveredEntry | undefined>;
  /** The seq of the last entry that ends at or before a position. */
  seqBefore(place: Place<View>): Promise<number>;
  /** Follows what comes after a seq. @returns ends it */
  follow(view: View, request: FeedRequest): () => void;
  /** Calls once at the next change. @returns stops waiting */
  onceChanged(view: View, wake: () => void): () => void;
}

/** Paths below one first segment that show what something else keeps: they are read, and never written. */
export interface StreamNamespace {
  /** What a reader needs in place of `streams:read`. */
  readonly scope: Scope;
  /** @param id what stands behind the first segment */
  reader(principal: Principal, id: string): StreamReader;
}
