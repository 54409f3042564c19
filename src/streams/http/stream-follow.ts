import { restOf } from '../entry-data.js';
import { after } from '../grow.js';
import { offsetAt, type StreamsService } from '../streams.service.js';
import type { StreamHead } from '../stream.js';
import { SseStream } from '../../streaming/sse/sse-stream.js';
import { toOpstreamError } from '../../platform/errors/opstream-error.js';
import { startOf, type Start } from './stream-reads.js';
import { invalid } from './stream-request.js';
import { encodingOf, sseFormatFor, type StreamSseFormat } from './stream-sse-format.js';
import type { StreamCall } from './stream-writes.js';

/** After this time a reader is sent to connect again, so that shared caches can join readers (section 10.2). */
const CONNECTION_MS = 60_000;
const KEEP_ALIVE_MS = 15_000;
/** As the protocol writes it, without parameters. */
const CONTENT_TYPE = 'text/event-stream';

/**
 * `GET` with `live=sse`: the stream as server-sent events.
 * @param onClose called once, when the connection is over
 * @returns the connection, for whoever must end it before its time
 */
export async function follow(
  streams: StreamsService,
  call: StreamCall,
  query: { readonly offset: string | null; readonly live: string | null; readonly cursor: string | null },
  onClose: () => void,
): Promise<SseStream | undefined> {
  if (query.offset === null) throw invalid('live=sse needs an offset');
  const start = await startOf(streams, call, query);
  const { head } = start;
  if (call.response.destroyed) {
    onClose();
    return undefined;
  }
  if (encodingOf(head.contentType) === 'base64')
    call.response.setHeader('Stream-SSE-Data-Encoding', 'base64');
  const format = sseFormatFor(head.contentType, query.cursor);
  const lifetime = setTimeout(() => stream.end(), CONNECTION_MS).unref();
  let stop: (() => void) | undefined;
  const stream: SseStream = new SseStream(
    call.response,
    KEEP_ALIVE_MS,
    () => {
      clearTimeout(lifetime);
      stop?.();
      onClose();
    },
    CONTENT_TYPE,
  );
  begin(streams, stream, start, format)
    .then((end) => {
      stop = end;
      if (!stream.open) end();
    })
    .catch((thrown: unknown) => stream.fail(toOpstreamError(thrown)));
  return stream;
}

/** @returns ends the subscription */
async function begin(
  streams: StreamsService,
  stream: SseStream,
  { head, position }: Start,
  format: StreamSseFormat,
): Promise<() => void> {
  let from = position >= head.tail ? head.lastSeq : (await streams.seqAt(head, position)) - 1;
  if (position >= head.tail) {
    const nextOffset = offsetAt(head, head.tail);
    stream.write(format.control({ nextOffset, upToDate: true, closed: head.closed }));
    if (head.closed) {
      stream.end();
      return () => {};
    }
  } else if (await writePart(streams, stream, head, { from, position }, format)) {
    from += 1;
  }
  if (head.closed && from >= head.lastSeq) {
    stream.end();
    return () => {};
  }
  const subscription = streams.follow(head, {
    format,
    sink: stream,
    after: from,
    onEnd: () => stream.end(),
    onError: (thrown) => stream.fail(toOpstreamError(thrown)),
  });
  return () => streams.unfollow(subscription);
}

/**
 * Writes what is left of an entry that the reader has read in part.
 * @returns false where the position is the beginning of an entry
 */
async function writePart(
  streams: StreamsService,
  stream: SseStream,
  head: StreamHead,
  { from, position }: { readonly from: number; readonly position: number },
  format: StreamSseFormat,
): Promise<boolean> {
  const [entry] = await streams.entriesAfter(head, from, 1);
  if (!entry || entry.start >= position) return false;
  stream.write(format.frame({ ...entry, ...after(entry, position, restOf(head.contentType)) }));
  return true;
}
