import type { KeptAnswers } from './kept-answers.js';
import type { ReplayBuffer } from './replay-buffer.js';
import type { SseResponse } from './sse-response.js';

/** What remains of a stream for a client that comes back. */
export type Rest =
  /** It is still open, or unread events remain. */
  | 'left'
  /** It has ended, and the client has all of it. */
  | 'over'
  /** Its answer is no longer kept. */
  | 'lost'
  /** The event was never sent. */
  | 'unknown';

/**
 * One server-sent stream of a session. It outlives its HTTP response: messages sent without a reader are kept, within
 * the session's limits, until the client resumes with the id of the last event it saw.
 */
export class SessionStream {
  /** It carries server-initiated messages, not the answer to a request. */
  standalone = false;
  private count = 0;
  private answeredAt: number | undefined;
  private ended = false;

  /** @param primed whether the client (from 2025-11-25 on) understands an empty first event that carries an id */
  constructor(
    readonly id: number,
    private readonly eventId: (stream: number, number: number) => string,
    private readonly reports: ReplayBuffer,
    private readonly answers: KeptAnswers,
    private response: SseResponse | undefined,
    primed: boolean,
  ) {
    if (primed) response?.write('', this.eventId(this.id, 0));
  }

  get done(): boolean {
    return this.ended;
  }

  send(message: string): void {
    this.count += 1;
    this.reports.keep(this.id, this.count, message);
    this.response?.write(message, this.eventId(this.id, this.count));
  }

  finish(message: string): void {
    this.count += 1;
    this.answeredAt = this.count;
    this.ended = true;
    this.answers.keep(this.id, { number: this.count, message });
    if (this.response) this.writeAnswer(this.response, message);
  }

  /** Ends it without an answer: a client that resumes it reads what was sent, and its end. */
  end(): void {
    this.ended = true;
    this.release();
  }

  /** @param number of the last event that the client saw */
  restAfter(number: number): Rest {
    if (number > this.count) return 'unknown';
    if (!this.ended) return 'left';
    if (this.answeredAt !== undefined && number < this.answeredAt) {
      return this.answers.get(this.id) ? 'left' : 'lost';
    }
    if (this.answeredAt !== undefined) this.answers.forget(this.id);
    return this.reports.after(this.id, number).length > 0 ? 'left' : 'over';
  }

  /** Continues with another response, from the event after `number`. */
  resume(response: SseResponse, number: number): void {
    this.release();
    for (const { number: sent, message } of this.reports.after(this.id, number)) {
      response.write(message, this.eventId(this.id, sent));
    }
    if (!this.ended) this.response = response;
    else if (this.answeredAt === undefined || number >= this.answeredAt) response.end();
    else this.writeAnswer(response, this.answers.get(this.id)!.message);
  }

  /** Closes the response; the client comes back after `retryMs` and resumes. */
  pause(retryMs: number): void {
    this.response?.retry(retryMs);
    this.response?.end();
    this.response = undefined;
  }

  /** The reader has gone. @param only just when this response is the current one */
  release(only?: SseResponse): void {
    if (only && this.response !== only) return;
    this.response?.end();
    this.response = undefined;
  }

  drained(): Promise<void> | undefined {
    return this.response?.drained();
  }

  private writeAnswer(response: SseResponse, message: string): void {
    response.onSent(() => this.answers.markSent(this.id));
    response.finish(message, this.eventId(this.id, this.answeredAt!));
  }
}
