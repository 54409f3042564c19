import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';

/** The descriptor under a plain TCP socket: private to Node, absent under TLS, on Windows and once it is destroyed. */
interface WithHandle {
  readonly _handle?: { readonly fd?: number } | null;
}

/**
 * Writes to a socket that has nothing waiting, past the stream machinery, which costs as much as a third of the
 * system call and an allocation per write; what the kernel does not take goes the ordinary way behind it.
 * Order holds because nothing else is written between, and nothing was waiting before.
 */
export function writeDirectly(socket: Socket, bytes: Buffer): void {
  const fd = (socket as WithHandle)._handle?.fd;
  if (fd === undefined || fd < 0 || socket.writableLength > 0) {
    socket.write(bytes);
    return;
  }
  let taken = 0;
  try {
    taken = writeSync(fd, bytes);
  } catch {
    // EAGAIN: the kernel's buffer is full. Anything else the ordinary write meets again, and reports.
  }
  if (taken < bytes.length) socket.write(taken === 0 ? bytes : bytes.subarray(taken));
}
