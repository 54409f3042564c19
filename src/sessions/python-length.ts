/**
 * Characters of a JSON text as Python would write it: with a blank after each comma and colon, and everything beyond
 * ASCII escaped. Clients of shared-context-server know the sizes of values in these.
 */
export function pythonLength(json: string): number {
  let length = json.length;
  let inString = false;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    // `\uXXXX` for each unit of UTF-16.
    if (code > 126) length += 5;
    else if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) inString = !inString;
    else if (!inString && (code === COMMA || code === COLON)) length += 1;
  }
  return length;
}

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const BACKSLASH = 92;
