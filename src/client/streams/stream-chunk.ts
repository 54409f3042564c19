import { parseJson, type JsonValue } from '../json.js';

/** Where a reader of a stream stands. */
export interface StreamPlace {
  /** Read or follow from here to go on. */
  readonly offset: string;
  /** Nothing more was there when this was sent. */
  readonly upToDate: boolean;
  /** Nothing more will come. */
  readonly closed: boolean;
}

/** A part of a stream; it may be empty, and then only says where the reader stands. */
export class StreamChunk implements StreamPlace {
  readonly offset: string;
  readonly upToDate: boolean;
  readonly closed: boolean;

  constructor(
    readonly bytes: Uint8Array,
    place: StreamPlace,
  ) {
    this.offset = place.offset;
    this.upToDate = place.upToDate;
    this.closed = place.closed;
  }

  /** The bytes as UTF-8; of a JSON stream, an array of messages. */
  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  /** The messages of a JSON stream. */
  get messages(): JsonValue[] {
    return this.bytes.length === 0 ? [] : (parseJson(this.text) as JsonValue[]);
  }
}

/** The place that an answer's headers tell. */
export function placeOf({ headers }: Response, fallback = '-1'): StreamPlace {
  const closed = headers.get('stream-closed') === 'true';
  return {
    offset: headers.get('stream-next-offset') ?? fallback,
    upToDate: closed || headers.get('stream-up-to-date') === 'true',
    closed,
  };
}
