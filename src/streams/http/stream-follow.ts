import { toOpstreamError } from '../../platform/errors/opstream-error.js';
import { SseStream } from '../../streaming/sse/sse-stream.js';
import { followFrom } from '../follow-from.js';
import type { StreamReader } from '../stream-reader.js';
import type { ReadCall } from './stream-call.js';
import { type ReadQuery, startOf, type Start } from './stream-reads.js';
import { invalid } from './stream-request.js';
import { encodingOf, sseFormatFor, type StreamSseFormat } from './stream-sse-format.js';

/** After this time a reader is sent to connect again, so that shared caches can join readers (section 10.2). */
const CONNECTION_MS = 60_000;
const KEEP_ALIVE_MS = 15_000;
/** As the protocol writes it, without parameters. */
const CONTENT_TYPE = 'text/event-stream';

/**
 * `GET` with `live=sse`: the stream as server-sent events.
 * @param onClose called once, when the connection is over
 * @returns the connection, so that it can be ended early
 */
export async function follow(
  { reader, response }: ReadCall,
  query: ReadQuery,
  onClose: () => void,
): Promise<SseStream | undefined> {
  if (query.offset === null) throw invalid('live=sse needs an offset');
  const start = await startOf(reader, query);
  const { contentType } = start.view;
  if (response.destroyed) {
    onClose();
    return undefined;
  }
  if (encodingOf(contentType) === 'base64') response.setHeader('Stream-SSE-Data-Encoding', 'base64');
  const format = sseFormatFor(contentType, query.cursor);
  const lifetime = setTimeout(() => stream.end(), CONNECTION_MS).unref();
  let stop: (() => void) | undefined;
  const stream: SseStream = new SseStream(
    response,
    KEEP_ALIVE_MS,
    () => {
      clearTimeout(lifetime);
      stop?.();
      onClose();
    },
    CONTENT_TYPE,
  );
  begin(reader, stream, start, format)
    .then((end) => {
      stop = end;
      if (!stream.open) end();
    })
    .catch((thrown: unknown) => stream.fail(toOpstreamError(thrown)));
  return stream;
}

/** @returns ends the subscription */
async function begin(
  reader: StreamReader,
  stream: SseStream,
  start: Start,
  format: StreamSseFormat,
): Promise<() => void> {
  const { view, position } = start;
  if (position >= view.tail) {
    stream.write(format.control({ nextOffset: view.tailOffset, upToDate: true, closed: view.closed }));
    if (view.closed) {
      stream.end();
      return () => {};
    }
  }
  return followFrom(reader, start, {
    format,
    sink: stream,
    onEnd: () => stream.end(),
    onGone: () => stream.goAway(),
    onError: (thrown) => stream.fail(toOpstreamError(thrown)),
  });
}
