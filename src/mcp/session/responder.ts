/**
 * Where the messages of one request go: a response stream of HTTP, or a socket. Writing to a responder whose reader has
 * gone does nothing.
 */
export interface Responder {
  /** Whether a request of the server's that is sent here reaches the client; a client that takes JSON alone reads none. */
  readonly carriesRequests: boolean;
  /** Sends a notification or a request of the server's that belongs to this request. */
  send(message: string): void;
  /** Sends the answer, after everything sent before; nothing follows. @param httpStatus 200 by default */
  respond(message: string, httpStatus?: number): void;
  /** There will be no answer, because the caller gave the request up. */
  close(): void;
  /** Ends the HTTP response but not the request (SEP-1699); the client resumes after `retryMs`. */
  pause?(retryMs: number): void;
  /** Resolves when the reader keeps up again, at once when it does: this is how a slow reader slows a tool. */
  drained(): Promise<void> | undefined;
}
