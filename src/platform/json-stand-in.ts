/** Bytes of the largest message the service sends: what clients with default limits accept. */
export const MAX_FRAME_BYTES = 1024 * 1024;
/** Bytes of one event's data as JSON: its frame, envelopes included, fits into one message. */
export const MAX_EVENT_DATA_BYTES = MAX_FRAME_BYTES - 8 * 1024;

/** Characters of a value shown by its stand-in. */
const PREVIEW = 1000;

/** Recorded or sent in place of a value that does not fit. */
export interface StandIn {
  readonly truncated: true;
  /** Length of the whole value as JSON. */
  readonly characters: number;
  /** The beginning of the value. */
  readonly preview: string;
}

/** @param json the value as JSON text */
export function standInFor(json: string): StandIn {
  return { truncated: true, characters: json.length, preview: json.slice(0, PREVIEW).toWellFormed() };
}

/** Whether a value is one of those, or of the same shape. */
export function isStandIn(value: unknown): value is StandIn {
  if (typeof value !== 'object' || value === null) return false;
  const { truncated, characters, preview } = value as Partial<StandIn>;
  return truncated === true && typeof characters === 'number' && typeof preview === 'string';
}

/** Whether text exceeds this many bytes in UTF-8; measures only text that might. */
export function exceedsBytes(text: string, bytes: number): boolean {
  return text.length > bytes || (text.length * 3 > bytes && Buffer.byteLength(text) > bytes);
}

/**
 * Truncates text and appends `… [n characters left out]`. Never splits a surrogate pair.
 * @param most characters (UTF-16) of the result
 */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text;
  const room = most - cutMark(text.length).length;
  const end = /[\uD800-\uDBFF]/.test(text.charAt(room - 1)) ? room - 1 : room;
  return text.slice(0, end) + cutMark(text.length - end);
}

function cutMark(characters: number): string {
  return `… [${characters} characters left out]`;
}
