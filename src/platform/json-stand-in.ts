/** Bytes of the longest message that the service sends: what clients accept whose limit nobody has raised. */
export const MAX_FRAME_BYTES = 1024 * 1024;
/** Bytes of one event's data as JSON: its frame, with every envelope around it, fits into one message. */
export const MAX_EVENT_DATA_BYTES = MAX_FRAME_BYTES - 8 * 1024;

/** Characters of a value that its stand-in shows. */
const PREVIEW = 1000;

/** Recorded or sent where a value does not fit. */
export interface StandIn {
  readonly truncated: true;
  /** Of the whole value, as JSON. */
  readonly characters: number;
  /** How the value begins. */
  readonly preview: string;
}

/** @param json the value as JSON text */
export function standInFor(json: string): StandIn {
  return { truncated: true, characters: json.length, preview: json.slice(0, PREVIEW).toWellFormed() };
}

/** Whether text takes more bytes in UTF-8; looks closer only at text that may. */
export function exceedsBytes(text: string, bytes: number): boolean {
  return text.length > bytes || (text.length * 3 > bytes && Buffer.byteLength(text) > bytes);
}

/**
 * Cuts text and says so: `… [n characters left out]`. No pair of surrogates is cut in two.
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
