import type { ServerResponse } from 'node:http';
import type { RequestMetrics } from '../../metrics/request.metrics.js';
import type { BatchResponder } from '../../dispatch/batch-answers.js';
import type { McpSession } from '../../session/mcp-session.js';
import type { SessionStream } from '../../session/session-stream.js';
import { SseResponse } from '../../session/sse-response.js';

/**
 * The answer to one POST: plain JSON if nothing precedes it, otherwise a stream. Nothing is decided before the first
 * message, so a call without reports costs no stream.
 */
export class HttpResponder implements BatchResponder {
  private sse: SseResponse | undefined;
  private stream: SessionStream | undefined;
  /**
   * Headers of the response, e.g. the id of a new session. Names and values alternate: an object with different values
   * per response would get a hidden class of its own, which outlives the response.
   */
  readonly headers: string[] = [];

  /** @param session undefined in 2026-07-28, whose streams cannot be resumed */
  constructor(
    private readonly response: ServerResponse,
    private readonly session: McpSession | undefined,
    private readonly acceptsSse: boolean,
    private readonly metrics: RequestMetrics,
  ) {}

  get carriesRequests(): boolean {
    return this.acceptsSse;
  }

  /** Opens the stream although there is nothing to send yet, or keeps it alive. */
  keepAlive(): void {
    if (this.sse) this.sse.comment();
    else if (this.acceptsSse) this.openStream().comment();
  }

  send(message: string): void {
    if (!this.acceptsSse) return;
    // A session's stream also accepts messages without a reader: they are replayed.
    if (!this.stream && this.response.writableEnded) return;
    const sse = this.openStream();
    if (this.stream) this.stream.send(message);
    else sse.write(message);
  }

  respond(message: string, status = 200): void {
    if (this.stream) return this.stream.finish(message);
    if (this.sse) return this.sse.finish(message);
    if (this.response.headersSent || this.response.destroyed) return;
    const length = String(Buffer.byteLength(message));
    this.headers.push('Content-Type', 'application/json', 'Content-Length', length);
    this.response.writeHead(status, this.headers);
    this.response.end(message);
  }

  /** The answers to a batch, at least one unless all were cancelled. */
  respondAll(messages: readonly string[]): void {
    const last = messages.at(-1);
    if (last === undefined) return this.close();
    if (!this.sse) return this.respond(`[${messages.join(',')}]`);
    for (const message of messages.slice(0, -1)) this.send(message);
    this.respond(last);
  }

  close(): void {
    if (this.stream) return this.stream.end();
    if (!this.response.headersSent) this.response.writeHead(202, this.headers);
    this.response.end();
  }

  /** Ends the response, but not the request: the client resumes the stream (2025-11-25). */
  pause(retryMs: number): void {
    this.openStream();
    this.stream?.pause(retryMs);
  }

  /** The client has disconnected; a session's stream waits for it, unless it is already back on another response. */
  gone(): void {
    this.stream?.release(this.sse);
  }

  drained(): Promise<void> | undefined {
    return this.stream ? this.stream.drained() : this.sse?.drained();
  }

  private openStream(): SseResponse {
    if (this.sse) return this.sse;
    this.sse = new SseResponse(this.response, this.metrics, this.headers);
    if (this.session) this.stream = this.session.streams.open(this.sse);
    return this.sse;
  }
}
