import type { IncomingHttpHeaders } from 'node:http';

/** The part of a request that reveals its origin; Node's, Fastify's and Express's requests all have it. */
export interface Remote {
  readonly headers: IncomingHttpHeaders;
  readonly socket?: { readonly remoteAddress?: string | undefined };
}

/**
 * The client's address, for limits and logs.
 * @param trustProxy the service runs behind one trusted proxy, which appends the address it sees to `X-Forwarded-For`;
 *   otherwise clients could forge that header, and it is ignored
 */
export function clientAddress({ headers, socket }: Remote, trustProxy: boolean): string {
  const peer = socket?.remoteAddress ?? '';
  if (!trustProxy) return peer;
  const forwarded = [headers['x-forwarded-for']].flat().join(',').split(',').at(-1)?.trim();
  if (forwarded === undefined || forwarded === '') return peer;
  // Some proxies append the port, which differs for each connection.
  const [, address = forwarded] = /^\[([^\]]+)\](?::\d+)?$|$/.exec(forwarded) ?? [];
  return address.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1').slice(0, 64);
}

/** The key under which an address's attempts are counted: an IPv6 customer controls a whole /64. */
export function addressKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('%', 1)[0]!.split('::');
  const start = head === '' ? [] : head.split(':');
  const end = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = Array.from({ length: Math.max(0, 8 - start.length - end.length) }, () => '0');
  const groups = tail === undefined ? start : [...start, ...gap, ...end];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
