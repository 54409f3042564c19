import type { ReplayBuffer } from './replay-buffer.js';
import type { SseResponse } from './sse-response.js';

/**
 * One server-sent stream of a session. It outlives its HTTP response: what is sent while nobody reads is kept, within
 * the session's bounds, until the client resumes with the id of the last event it saw.
 */
export class SessionStream {
  readonly id: number;
  /** It carries what the server sends of its own accord, not the answer to a request. */
  standalone = false;
  private count = 0;
  private ended = false;

  /** @param primed whether the client (from 2025-11-25 on) understands an empty first event that carries an id */
  constructor(
    private readonly buffer: ReplayBuffer,
    private response: SseResponse | undefined,
    primed: boolean,
  ) {
    this.id = buffer.openStream();
    if (primed) response?.write('', this.eventId(0));
  }

  get done(): boolean {
    return this.ended;
  }

  send(message: string): void {
    this.keep(message);
    this.response?.write(message, this.eventId(this.count));
  }

  finish(message: string): void {
    this.keep(message);
    this.ended = true;
    this.response?.finish(message, this.eventId(this.count));
  }

  /** Ends it without an answer: whoever resumes it reads what was sent, and its end. */
  end(): void {
    this.ended = true;
    this.release();
  }

  /** Goes on with another response, from the event after `number`. */
  resume(response: SseResponse, number: number): void {
    this.release();
    this.replayTo(response, number);
    if (this.ended) response.end();
    else this.response = response;
  }

  /** Closes the response; the client comes back after `retryMs` and resumes. */
  pause(retryMs: number): void {
    this.response?.retry(retryMs);
    this.response?.end();
    this.response = undefined;
  }

  /** Nobody reads any more. @param only just when this response is the current one */
  release(only?: SseResponse): void {
    if (only && this.response !== only) return;
    this.response?.end();
    this.response = undefined;
  }

  drained(): Promise<void> | undefined {
    return this.response?.drained();
  }

  private replayTo(response: SseResponse, number: number): void {
    for (const { number: sent, message } of this.buffer.after(this.id, number)) {
      response.write(message, this.eventId(sent));
    }
  }

  private keep(message: string): void {
    this.count += 1;
    this.buffer.keep(this.id, this.count, message);
  }

  private eventId(number: number): string {
    return `${this.id}-${number}`;
  }
}
