/** Bytes of one decompressed HTTP body; batches of events are the largest. */
export const BODY_LIMIT_BYTES = 8 * 1024 * 1024;

/** Requests that create or query something: metadata may have 64 KB. */
const SMALL_BYTES = 128 * 1024;
/** One event, including JSON escapes. */
const EVENT_BYTES = 2 * 1024 * 1024;

const SMALL = /^\/api\/(?:operations|keys|sessions|get_websocket_status_service|forge\/.*)$/;
/** Batches and final events: any final event is accepted, and cut if necessary. */
const LARGE = /\/(?:events|result|error)$/;

/** Maximum body bytes of a route, by its pattern. */
export function bodyLimitOf(route = ''): number {
  if (LARGE.test(route)) return BODY_LIMIT_BYTES;
  return SMALL.test(route) ? SMALL_BYTES : EVENT_BYTES;
}

/** Content types of newline-delimited JSON, as producers name it. */
export const NDJSON_TYPES = [
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'application/x-jsonlines',
  'application/json-lines',
  'application/jsonlines',
  'application/stream+json',
  'application/x-json-stream',
] as const;
