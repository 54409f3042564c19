/** Compares resource URIs as RFC 3986 does. Pure. */

/** Schemes are case-insensitive. */
export function withLowerScheme(uri: string): string {
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*(?=:)/.exec(uri)?.[0];
  return scheme === undefined ? uri : scheme.toLowerCase() + uri.slice(scheme.length);
}

/**
 * The canonical form of a URI: the scheme in lower case, and everything between delimiters encoded like
 * `encodeURIComponent`. What cannot be decoded stays unchanged.
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
