/** Characters of a stream's path. */
const MAX_PATH_LENGTH = 1024;

/** Control paths of the protocol, below the root of all streams. */
const RESERVED = '__ds';

/**
 * The path of a stream in the address of a request: what stands behind the root, decoded.
 * @param root like `/v1/stream`
 * @returns undefined where the address is no stream's
 */
export function streamPathOf(address: string, root: string): string | undefined {
  const [pathname = ''] = address.split(/[?#]/, 1);
  if (!pathname.startsWith(`${root}/`)) return undefined;
  const segments = pathname.slice(root.length + 1).split('/');
  const decoded = segments.map(decode);
  if (decoded.some((segment) => segment === undefined || segment === '' || isRelative(segment)))
    return undefined;
  if (decoded[0] === RESERVED) return undefined;
  const path = decoded.join('/');
  return path.length <= MAX_PATH_LENGTH ? path : undefined;
}

/** Without what moves through a tree, or ends a line of a log. */
function isRelative(segment: string): boolean {
  return segment === '.' || segment === '..' || /[/\\]|\p{Cc}/u.test(segment);
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
