import type { Socket } from 'node:net';

/**
 * A number that changes whenever the kernel takes bytes from a socket, even in the middle of one large write, which
 * the public counters do not show.
 */
export function bytesTaken(socket: Socket | null | undefined): number {
  if (!socket) return 0;
  const { _handle: handle } = socket as unknown as { _handle?: { writeQueueSize?: number } | null };
  return (socket.bytesWritten ?? 0) - socket.writableLength - (handle?.writeQueueSize ?? 0);
}
