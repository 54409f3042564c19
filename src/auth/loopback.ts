import { isIPv4 } from 'node:net';

/** True for a host name or address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return (
    name === 'localhost' || name === '::1' || name === '[::1]' || (name.startsWith('127.') && isIPv4(name))
  );
}
