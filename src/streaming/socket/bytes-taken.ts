import type { Socket } from 'node:net';

/**
 * A number that changes whenever the system takes bytes of a socket, also in the middle of one large write, of which
 * the public counters say nothing.
 */
export function bytesTaken(socket: Socket | null | undefined): number {
  if (!socket) return 0;
  const { _handle: handle } = socket as unknown as { _handle?: { writeQueueSize?: number } | null };
  return (socket.bytesWritten ?? 0) - socket.writableLength - (handle?.writeQueueSize ?? 0);
}
