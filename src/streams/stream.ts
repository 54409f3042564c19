import type { GenerationStart } from './offset.js';

/** A stream as its store keeps it (Durable Streams protocol, section 4). Positions are bytes, in JSON mode messages. */
export interface StreamHead {
  /** Never given to another stream, also when the path is used again. */
  readonly id: number;
  readonly tenant: string;
  readonly path: string;
  /** As the creator wrote it. */
  readonly contentType: string;
  readonly lifetime: Lifetime;
  /** Milliseconds since the epoch after which the stream is gone. */
  readonly expiresAtMs: number | null;
  readonly closed: boolean;
  /** Deleted, and kept only because forks read from it. */
  readonly deleted: boolean;
  /** Shared caches may keep what is read. */
  readonly isPublic: boolean;
  /** Position after the last byte or message. */
  readonly tail: number;
  readonly lastSeq: number;
  /** Bytes of its own, without what it inherits. */
  readonly bytes: number;
  readonly generations: readonly GenerationStart[];
  readonly fork: Fork | null;
  /** The operation that was opened with the stream and ends with it. */
  readonly operationId: string | null;
}

export interface Lifetime {
  /** Seconds without a read or a write after which the stream is gone. */
  readonly ttlSeconds: number | null;
  /** RFC 3339, as the creator wrote it. */
  readonly expiresAt: string | null;
}

/** Where a fork leaves its source: all before `position` is inherited. */
export interface Fork {
  readonly sourceId: number;
  readonly sourcePath: string;
  readonly position: number;
  /** Entries inherited; the last may be cut at `position`. */
  readonly entries: number;
  /** As the request named it, for comparison when it is repeated. */
  readonly offset: string | null;
  readonly subOffset: number;
}

/** A producer's numbering of its requests (section 5.2.1). */
export interface ProducerSequence {
  readonly id: string;
  readonly epoch: number;
  readonly seq: number;
}

/** One append, or a part of a large one, as it is stored and delivered. */
export interface StreamEntry {
  /** 1, 2, 3 … within the stream, inherited entries included. */
  readonly seq: number;
  readonly start: number;
  /** Bytes, or messages; 0 for one that only closes the stream. */
  readonly length: number;
  /** In JSON mode the messages' texts, separated by commas. */
  readonly data: Buffer;
  /** Nothing comes after it. */
  readonly closes: boolean;
  /** Was the newest when it was read or recorded. */
  readonly isNewest: boolean;
}

export const endOf = ({ start, length }: Pick<StreamEntry, 'start' | 'length'>): number => start + length;

export const isJson = (contentType: string): boolean => mediaTypeOf(contentType) === 'application/json';

/** Text travels in event streams as it is; everything else as base64. */
export const isText = (contentType: string): boolean =>
  isJson(contentType) || mediaTypeOf(contentType).startsWith('text/');

/** Type and subtype in lower case, without parameters: what two content types are compared by. */
export function mediaTypeOf(contentType: string): string {
  return contentType.split(';', 1)[0]!.trim().toLowerCase();
}
