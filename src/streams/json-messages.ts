import { OpstreamError } from '../platform/errors/opstream-error.js';

/**
 * The messages of a JSON body: the elements of an array, else the one value (section 9.1.2). Texts are passed on as
 * they came, so that numbers are not rounded.
 * @throws OpstreamError `invalid_json`
 */
export function messagesOf(body: Buffer): string[] {
  const text = body.toString('utf8').trim();
  try {
    JSON.parse(text);
  } catch (thrown) {
    throw new OpstreamError('invalid_json', `The body is not JSON: ${(thrown as Error).message}`);
  }
  return text.startsWith('[') ? elementsOf(text.slice(1, -1)) : [text];
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Splits what stands between the brackets of a valid array; also what a chunk holds. */
export function elementsOf(inner: string): string[] {
  const elements: string[] = [];
  let depth = 0;
  let begin = 0;
  for (let at = 0; at < inner.length; at++) {
    const code = inner.charCodeAt(at);
    if (code === QUOTE) at = endOfString(inner, at);
    else if (code === COMMA) {
      if (depth > 0) continue;
      elements.push(inner.slice(begin, at).trim());
      begin = at + 1;
    } else if (code === OPEN_BRACKET || code === OPEN_BRACE) depth++;
    else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) depth--;
  }
  const last = inner.slice(begin).trim();
  if (last !== '') elements.push(last);
  return elements;
}

/** Most of a body is text within quotes, which is skipped as a whole. */
function endOfString(text: string, begin: number): number {
  for (let end = text.indexOf('"', begin + 1); ; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
  }
}
