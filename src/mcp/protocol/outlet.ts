/**
 * Where the messages of one request go: a response stream of HTTP, or a socket. Writing to an outlet whose reader has
 * gone does nothing.
 */
export interface Outlet {
  /** Sends a notification or a request of the server's that belongs to this request. */
  send(message: string): void;
  /** Sends the answer, after everything sent before; nothing follows. @param errorCode set when it is an error */
  respond(message: string, errorCode?: number): void;
  /** There will be no answer, because the caller gave the request up. */
  close(): void;
  /** Resolves when the reader keeps up again, at once when it does: this is how a slow reader slows a tool. */
  drained(): Promise<void> | undefined;
}
