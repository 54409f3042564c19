import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that may wait for their turn: a client that sends more without reading answers is disconnected. */
const MAX_WAITING = 1000;

type Start = () => void;

/**
 * Serves the requests of a connection one after the other. Node starts every request as soon as it has parsed it, and
 * holds the responses for a client that reads none of them: a page of a megabyte for a request of a hundred bytes.
 */
export class OneAtATime {
  /** What waits behind the request that is being served. */
  private readonly lines = new WeakMap<Socket, Start[]>();

  /** @param start serves the request, now or when its turn comes; never if the client leaves before */
  serve({ socket }: IncomingMessage, response: ServerResponse, start: Start): void {
    // Emitted when the response is with the kernel, or the connection has ended.
    response.once('close', () => this.next(socket));
    const line = this.lines.get(socket);
    if (!line) {
      this.lines.set(socket, []);
      start();
    } else if (line.length === MAX_WAITING) socket.destroy();
    else {
      line.push(start);
      // What follows is read when these have been served.
      socket.pause();
    }
  }

  private next(socket: Socket): void {
    const line = this.lines.get(socket);
    const start = line?.shift();
    if (line?.length === 0) socket.resume();
    if (start && !socket.destroyed) start();
    else this.lines.delete(socket);
  }
}
