import type { IncomingHttpHeaders } from 'node:http';

/** What of a request tells where it comes from; Node's, Fastify's and Express's requests all have it. */
export interface Remote {
  readonly headers: IncomingHttpHeaders;
  readonly socket?: { readonly remoteAddress?: string | undefined };
}

/**
 * The address of the client, for limits and logs.
 * @param trustProxy the service stands behind one proxy of its own, which appends the address it sees to
 * `X-Forwarded-For`; otherwise that header is a client's own claim and ignored
 */
export function clientAddress({ headers, socket }: Remote, trustProxy: boolean): string {
  const peer = socket?.remoteAddress ?? '';
  if (!trustProxy) return peer;
  const forwarded = [headers['x-forwarded-for']].flat().join(',').split(',').at(-1)?.trim();
  if (forwarded === undefined || forwarded === '') return peer;
  // Some proxies add the port, and another one for each connection.
  const [, address = forwarded] = /^\[([^\]]+)\](?::\d+)?$|$/.exec(forwarded) ?? [];
  return address.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1').slice(0, 64);
}

/** Whom an address stands for when attempts are counted: an IPv6 customer has a whole /64 to vary. */
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
