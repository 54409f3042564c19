import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * A refusal sent while the body is still arriving must reach the client. Closing the connection would reset it, and
 * the client would never read the response (RFC 9112, section 9.6). So the rest of the body is read and discarded
 * first, for a bounded time and amount.
 */
const LINGER_MS = 30_000;
const LINGER_BYTES = 64 * 1024 * 1024;
const LOOK_EVERY_MS = 100;

/** The request whose body a connection is sending. */
const pending = Symbol('pending request');
const lingering = Symbol('lingering');
interface Connection extends Socket {
  [pending]?: IncomingMessage;
  [lingering]?: boolean;
}

/** Prepares a server; its requests must pass `accepts`. */
export function lingerBeforeClosing(server: Server): void {
  server.on('connection', (socket: Connection) => {
    const close = socket.destroySoon.bind(socket);
    const closeOnceRead = (): void => {
      const request = socket[pending];
      if (!request || request.complete || socket.destroyed) close();
      else discardRest(socket, request, close);
    };
    // Node calls it after the last response of a connection. (A function assigned at once would outlive the connection
    // until the next full garbage collection.)
    socket.destroySoon = closeOnceRead;
  });
}

/**
 * Registers a request whose body may still be arriving, so that the rest is discarded after the response.
 * @returns false for a request after the last one of its connection: it cannot be answered
 */
export function accepts(request: IncomingMessage, response: ServerResponse): boolean {
  const socket = request.socket as Connection;
  if (socket[lingering]) return false;
  const { headers } = request;
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return true;
  socket[pending] = request;
  response.once('finish', () => {
    if (!request.complete && !request.destroyed) discardBehind(request);
  });
  return true;
}

/** After a response that keeps the connection open. */
function discardBehind(request: IncomingMessage): void {
  request.resume();
  watch(request.socket, request, () => {});
}

function discardRest(socket: Connection, request: IncomingMessage, close: () => void): void {
  socket[lingering] = true;
  socket.end();
  request.resume();
  watch(socket, request, close);
}

function watch(socket: Socket, request: IncomingMessage, close: () => void): void {
  const until = performance.now() + LINGER_MS;
  const most = socket.bytesRead + LINGER_BYTES;
  const timer = setInterval(() => {
    if (!request.complete && !socket.destroyed && performance.now() < until && socket.bytesRead < most) {
      return;
    }
    clearInterval(timer);
    if (request.complete) close();
    else socket.destroy();
  }, LOOK_EVERY_MS);
  timer.unref();
}
