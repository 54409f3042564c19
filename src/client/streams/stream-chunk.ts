import { parseJson, type JsonValue } from '../json.js';

/** A reader's place in a stream. */
export interface StreamPlace {
  /** Read or follow from here to continue. */
  readonly offset: string;
  /** Nothing more was there when this was sent. */
  readonly upToDate: boolean;
  /** Nothing more will come. */
  readonly closed: boolean;
}

/** A part of a stream; an empty one only reports the reader's place. */
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

  /** The bytes as UTF-8; for a JSON stream, an array of messages. */
  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  /** The messages of a JSON stream. */
  get messages(): JsonValue[] {
    return this.bytes.length === 0 ? [] : (parseJson(this.text) as JsonValue[]);
  }
}

/** The place given by a response's headers. */
export function placeOf({ headers }: Response, fallback = '-1'): StreamPlace {
  const closed = headers.get('stream-closed') === 'true';
  return {
    offset: headers.get('stream-next-offset') ?? fallback,
    upToDate: closed || headers.get('stream-up-to-date') === 'true',
    closed,
  };
}
