import type { Socket } from 'node:net';

/** Internals of a plain TCP socket: private to Node, absent under TLS and on Windows. */
interface SocketInternals {
  _handle?: { readonly fd?: number } | null;
  readonly _writableState?: { readonly length?: number };
}

/** The file descriptor of a socket, for writes that bypass Node's stream machinery. */
export class SocketDescriptor {
  private constructor(
    private readonly socket: SocketInternals,
    /** The descriptor belongs to this socket as long as this is its handle; afterwards the system reuses the number. */
    private readonly handle: object,
    private readonly fd: number,
    private readonly waiting: { readonly length?: number },
  ) {}

  /** @returns undefined when the socket has no descriptor of its own */
  static of(socket: Socket): SocketDescriptor | undefined {
    const { _handle: handle, _writableState: waiting } = socket as SocketInternals;
    const fd = handle?.fd;
    if (!handle || fd === undefined || fd < 0 || typeof waiting?.length !== 'number') return undefined;
    return new SocketDescriptor(socket as SocketInternals, handle, fd, waiting);
  }

  /** The descriptor while nothing is pending in the stream, so that direct writes stay in order; otherwise -1. */
  get idle(): number {
    return this.waiting.length === 0 && this.socket._handle === this.handle ? this.fd : -1;
  }
}
