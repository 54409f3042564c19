/** Bytes of one HTTP body, unpacked; batches of events are the largest. */
export const BODY_LIMIT_BYTES = 8 * 1024 * 1024;

/** Of a request that opens something or asks for something: metadata may have 64 KB. */
const SMALL_BYTES = 128 * 1024;
/** Of one event, with its escapes. */
const EVENT_BYTES = 2 * 1024 * 1024;

const SMALL = /^\/api\/(?:operations|keys|sessions|get_websocket_status_service|forge\/.*)$/;
/** Batches, and ends: whatever an operation ends with is taken, and cut if need be. */
const LARGE = /\/(?:events|result|error)$/;

/** Bytes of a body on a route, as its pattern says. */
export function bodyLimitOf(route = ''): number {
  if (LARGE.test(route)) return BODY_LIMIT_BYTES;
  return SMALL.test(route) ? SMALL_BYTES : EVENT_BYTES;
}

/** One JSON value per line, by the names that producers give it. */
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
