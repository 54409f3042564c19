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

/** Splits what stands between the brackets of a valid array; also what a chunk holds. */
export function elementsOf(inner: string): string[] {
  const elements: string[] = [];
  let depth = 0;
  let begin = 0;
  for (let at = 0; at < inner.length; at++) {
    const character = inner[at];
    if (character === '"') at = endOfString(inner, at);
    else if (character === '[' || character === '{') depth++;
    else if (character === ']' || character === '}') depth--;
    else if (character === ',' && depth === 0) {
      elements.push(inner.slice(begin, at).trim());
      begin = at + 1;
    }
  }
  const last = inner.slice(begin).trim();
  if (last !== '') elements.push(last);
  return elements;
}

function endOfString(text: string, begin: number): number {
  for (let at = begin + 1; ; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at;
  }
}
