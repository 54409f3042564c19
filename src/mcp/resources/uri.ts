/** URIs of resources, compared as RFC 3986 compares them. Pure. */

/** A scheme is written in any case. */
export function withLowerScheme(uri: string): string {
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*(?=:)/.exec(uri)?.[0];
  return scheme === undefined ? uri : scheme.toLowerCase() + uri.slice(scheme.length);
}

/**
 * The one form of all ways to write a URI: the scheme in lower case, and everything between delimiters encoded as
 * `encodeURIComponent` does. What cannot be decoded stays as it is.
 */
export function canonicalUri(uri: string): string {
  return withLowerScheme(uri)
    .split(/([/?#&=])/)
    .map((part, index) => (index === 0 ? part : encodeOnce(part)))
    .join('');
}

function encodeOnce(part: string): string {
  if (part.length === 1 && '/?#&='.includes(part)) return part;
  try {
    return encodeURIComponent(decodeURIComponent(part));
  } catch {
    return part;
  }
}
