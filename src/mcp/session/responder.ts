/**
 * Destination of one request's messages: an HTTP response stream or a socket. Writing after the reader has gone does
 * nothing.
 */
export interface Responder {
  /** Whether a server request sent here reaches the client; a client that accepts only JSON reads none. */
  readonly carriesRequests: boolean;
  /** Sends a notification or server request that belongs to this request. */
  send(message: string): void;
  /** Sends the answer, after everything sent before; nothing follows. @param httpStatus 200 by default */
  respond(message: string, httpStatus?: number): void;
  /** There will be no answer, because the caller cancelled the request. */
  close(): void;
  /** Ends the HTTP response but not the request (SEP-1699); the client resumes after `retryMs`. */
  pause?(retryMs: number): void;
  /** Resolves when the reader has caught up; undefined when it has. This is how a slow reader slows a tool. */
  drained(): Promise<void> | undefined;
}
