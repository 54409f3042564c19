import { OpstreamError } from '../platform/errors/opstream-error.js';
import { decodeOffset, isKnown } from './offset.js';
import type { CreateStream } from './stream-store.js';
import { mediaTypeOf, type Fork, type Lifetime, type StreamHead } from './stream.js';

/** What a new stream begins with, apart from its own content. */
export interface NewStream {
  readonly contentType: string;
  readonly lifetime: Lifetime;
  /** `entries` is the store's to find out. */
  readonly fork: Omit<Fork, 'entries'> | null;
}

const DEFAULT_CONTENT_TYPE = 'application/octet-stream';

/**
 * Decides what a request to create a stream makes (section 5.1 and, for forks, 4.2).
 * @param existing at its path
 * @param source that it forks from; undefined when there is none at that path
 * @returns null when the stream exists just as requested
 * @throws OpstreamError the refusal
 */
export function decideCreate(
  command: CreateStream,
  existing: StreamHead | undefined,
  source: StreamHead | undefined,
): NewStream | null {
  if (existing) {
    if (!existing.deleted && isSame(command, existing)) return null;
    throw new OpstreamError('stream_exists', 'A stream with another configuration exists at this path');
  }
  if (!command.fork) {
    return {
      contentType: command.contentType ?? DEFAULT_CONTENT_TYPE,
      lifetime: command.lifetime,
      fork: null,
    };
  }
  if (!source) throw new OpstreamError('stream_not_found', `There is no stream ${command.fork.sourcePath}`);
  if (source.deleted) throw new OpstreamError('stream_exists', 'The source is deleted');
  if (command.contentType !== null && mediaTypeOf(command.contentType) !== mediaTypeOf(source.contentType)) {
    throw new OpstreamError('content_type_mismatch', `The source's content type is ${source.contentType}`);
  }
  return {
    contentType: source.contentType,
    lifetime: isEndless(command.lifetime) ? source.lifetime : command.lifetime,
    fork: {
      sourceId: source.id,
      sourcePath: source.path,
      position: forkPosition(command.fork, source),
      offset: command.fork.offset,
      subOffset: command.fork.subOffset,
    },
  };
}

const isEndless = ({ ttlSeconds, expiresAt }: Lifetime): boolean => ttlSeconds === null && expiresAt === null;

function isSame(command: CreateStream, existing: StreamHead): boolean {
  const { fork } = existing;
  const asked = command.fork;
  if (command.closed !== existing.closed) return false;
  // Who does not ask for an operation does not mind one.
  if (command.operationId !== null && existing.operationId === null) return false;
  if (asked || fork) {
    const isSameFork =
      asked?.sourcePath === fork?.sourcePath &&
      (asked?.offset ?? null) === (fork?.offset ?? null) &&
      asked?.subOffset === fork?.subOffset;
    if (!isSameFork) return false;
  }
  const contentType = command.contentType ?? (asked ? existing.contentType : DEFAULT_CONTENT_TYPE);
  if (mediaTypeOf(contentType) !== mediaTypeOf(existing.contentType)) return false;
  if (asked && isEndless(command.lifetime)) return true;
  return (
    command.lifetime.ttlSeconds === existing.lifetime.ttlSeconds &&
    instant(command.lifetime.expiresAt) === instant(existing.lifetime.expiresAt)
  );
}

const instant = (time: string | null): number | null => (time === null ? null : Date.parse(time));

/** Sub-offsets count what positions count: bytes, in JSON mode messages. */
function forkPosition(fork: NonNullable<CreateStream['fork']>, source: StreamHead): number {
  const offset = fork.offset === null ? null : decodeOffset(fork.offset);
  if (offset && (!isKnown(source.generations, offset) || offset.position > source.tail))
    throw new OpstreamError('invalid_request', 'Stream-Fork-Offset is beyond the end of the source');
  const position = (offset?.position ?? source.tail) + fork.subOffset;
  if (position <= source.tail) return position;
  throw new OpstreamError('invalid_request', 'Stream-Fork-Sub-Offset is beyond the end of the source');
}

/** When a stream's time is over, counted from now; null: never. */
export function expiryOf({ ttlSeconds, expiresAt }: Lifetime, now: number): number | null {
  if (ttlSeconds !== null) return now + ttlSeconds * 1000;
  return expiresAt === null ? null : Date.parse(expiresAt);
}
