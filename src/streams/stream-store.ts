import type { OpstreamError } from '../platform/errors/opstream-error.js';
import type { Append } from './decide-append.js';
import type { Lifetime, StreamEntry, StreamHead } from './stream.js';

/** A part of what is appended; `data` as in `StreamEntry`. */
export interface Piece {
  readonly length: number;
  readonly data: Buffer;
}

interface StreamAddress {
  readonly tenant: string;
  readonly path: string;
}

export interface CreateStream extends StreamAddress {
  readonly kind: 'create';
  /** Null: that of the source, or `application/octet-stream`. */
  readonly contentType: string | null;
  readonly lifetime: Lifetime;
  readonly closed: boolean;
  readonly isPublic: boolean;
  readonly pieces: readonly Piece[];
  readonly fork: ForkRequest | null;
  readonly operationId: string | null;
}

export interface ForkRequest {
  readonly sourcePath: string;
  /** An offset's token; null: the source's tail. */
  readonly offset: string | null;
  readonly subOffset: number;
}

export interface AppendToStream extends StreamAddress {
  readonly kind: 'append';
  readonly append: Append;
  readonly pieces: readonly Piece[];
}

export interface RemoveStream extends StreamAddress {
  readonly kind: 'remove';
}

export type StreamCommand = CreateStream | AppendToStream | RemoveStream;

/** What a command did. */
export interface Written {
  readonly outcome: 'created' | 'existed' | 'appended' | 'duplicate' | 'removed';
  /** After the command. */
  readonly head: StreamHead;
  readonly entries: readonly StreamEntry[];
  /** The highest sequence accepted of the producer that asked. */
  readonly producerSeq: number | null;
}

export interface StreamUsage {
  readonly streams: number;
  readonly bytes: number;
}

/**
 * Keeps streams (Durable Streams protocol). Nothing in it assumes that one process writes: decisions are made in the
 * transaction that carries them out. Times are milliseconds since the epoch.
 */
export abstract class StreamStore {
  /**
   * Carries out commands in order, in one durable transaction.
   * @returns an outcome for each; refusals (`stream_not_found`, `stream_exists`, `stream_gone`, `payload_too_large` and
   *   those of `decideAppend`) are values, and leave nothing behind
   * @throws OpstreamError `storage_full`, `store_unavailable`: nothing was recorded
   */
  abstract write(
    commands: readonly StreamCommand[],
    now: number,
  ): Promise<readonly (Written | OpstreamError)[]>;

  /** Deleted streams that forks still read from are found, too. */
  abstract find(tenant: string, path: string): Promise<StreamHead | undefined>;

  /**
   * Entries after a seq, in order, inherited ones included.
   * @param maxBytes stops after the entry that reaches it; at least one is returned where there is one
   */
  abstract readAfter(head: StreamHead, seq: number, maxBytes: number): Promise<readonly StreamEntry[]>;

  /** The seq of the entry that holds what stands at a position; one past the last at the tail. */
  abstract seqAt(head: StreamHead, position: number): Promise<number>;

  /** Moves the end of streams with a sliding lifetime. */
  abstract extend(expiry: ReadonlyMap<number, number>): Promise<void>;

  /** Removes streams whose time is over. @returns those removed, at most `limit` */
  abstract expire(now: number, limit: number): Promise<readonly StreamHead[]>;

  /** Streams with an operation that are neither closed nor deleted. */
  abstract openWithOperation(): Promise<readonly StreamHead[]>;

  /** Of a tenant, or of all. */
  abstract usage(tenant?: string): Promise<StreamUsage>;

  abstract close(): Promise<void>;
}
