import type { RecordedEvent } from '../operation-event.js';
import type { PageBounds } from '../operation-store.js';

/** The events before an index that fit into one answer, newest first. */
export function pageBefore(
  events: readonly RecordedEvent[],
  before: number,
  { limit, maxBytes }: PageBounds,
): RecordedEvent[] {
  const taken: RecordedEvent[] = [];
  let size = 0;
  for (
    let index = Math.min(before, events.length) - 1;
    index >= 0 && taken.length < limit && size < maxBytes;
    index--
  ) {
    const event = events[index]!;
    taken.push(event);
    size += event.data.length;
  }
  return taken;
}
