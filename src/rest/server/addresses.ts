import dns from 'node:dns';
import { isIP } from 'node:net';

/** Host and port as in a URL: an IPv6 address is put in brackets. */
export function authority(host: string, port: number): string {
  return `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
}

/**
 * The addresses a host name resolves to, to listen on each: `localhost` is ::1 and 127.0.0.1 on most machines, and
 * clients try either.
 * @throws the system's error for an unknown name
 */
export async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  const found = await new Promise<dns.LookupAddress[]>((resolve, reject) => {
    dns.lookup(host, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });
  // IPv4 first: every machine has it.
  const inOrder = found.toSorted((one, other) => one.family - other.family);
  return [...new Set(inOrder.map(({ address }) => address))];
}
