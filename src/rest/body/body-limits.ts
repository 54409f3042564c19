/** Bytes of one HTTP body, unpacked; batches of events are the largest. */
export const BODY_LIMIT_BYTES = 8 * 1024 * 1024;

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
