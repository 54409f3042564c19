import type { FeedRequest } from './stream-feed.js';
import type { Place, StreamReader } from './stream-reader.js';

/**
 * Follows a stream from a place on: first what is left of an entry that the place stands in the middle of, then whole
 * entries, from the log and live.
 * @returns ends it
 */
export async function followFrom(
  reader: StreamReader,
  place: Place,
  request: Omit<FeedRequest, 'after'>,
): Promise<() => void> {
  const rest = place.position >= place.view.tail ? undefined : await reader.restOfEntry(place);
  if (rest) request.sink.write(request.format.frame(rest));
  if (rest?.closes) {
    request.onEnd();
    return () => {};
  }
  return reader.follow(place.view, { ...request, after: rest?.seq ?? (await reader.seqBefore(place)) });
}
