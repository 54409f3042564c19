import { KeptAnswers } from './kept-answers.js';
import { ReplayBuffer } from './replay-buffer.js';
import { SessionStream, type Rest } from './session-stream.js';
import type { SseResponse } from './sse-response.js';

/** Characters of the session's id in its event ids: enough that no session mistakes another's for its own. */
const TAG_LENGTH = 6;
/** Maximum streams remembered per session. */
const MAX_STREAMS = 256;

/** The stream of an event id, and what remains of it after that event. */
export type Resumption =
  | { readonly rest: 'left'; readonly stream: SessionStream; readonly number: number }
  | { readonly rest: Exclude<Rest, 'left'> };

/**
 * The server-sent streams of one session. Event ids are `<session>.<stream>-<number>`: a client resumes one stream of
 * one session and never sees another's messages.
 */
export class SessionStreams {
  private readonly reports = new ReplayBuffer();
  private readonly answers = new KeptAnswers();
  private readonly streams = new Map<number, SessionStream>();
  private count = 0;

  private readonly tag: string;

  /** @param primed see `SessionStream` */
  constructor(
    sessionId: string,
    private readonly primed: boolean,
  ) {
    this.tag = sessionId.replaceAll(/[^A-Za-z0-9]/g, '').slice(0, TAG_LENGTH);
  }

  get replayCharacters(): number {
    return this.reports.characters + this.answers.characters;
  }

  open(response: SseResponse | undefined): SessionStream {
    this.forgetOldest();
    const { eventId, reports, answers, primed } = this;
    const stream = new SessionStream(++this.count, eventId, reports, answers, response, primed);
    this.streams.set(stream.id, stream);
    return stream;
  }

  /** Determines what remains after an event, before the client is answered. */
  find(lastEventId: string): Resumption {
    const position = this.parse(lastEventId);
    const stream = position && this.streams.get(position.stream);
    if (!position || position.stream > this.count) return { rest: 'unknown' };
    if (!stream) return { rest: 'lost' };
    const rest = stream.restAfter(position.number);
    return rest === 'left' ? { rest, stream, number: position.number } : { rest };
  }

  private readonly eventId = (stream: number, number: number): string => `${this.tag}.${stream}-${number}`;

  private parse(eventId: string): { stream: number; number: number } | undefined {
    const [, tag, stream, number] = /^([A-Za-z0-9]+)\.(\d{1,15})-(\d{1,15})$/.exec(eventId) ?? [];
    return tag === this.tag ? { stream: Number(stream), number: Number(number) } : undefined;
  }

  private forgetOldest(): void {
    if (this.streams.size < MAX_STREAMS) return;
    for (const { id, done } of this.streams.values()) if (done) return this.forget(id);
    const [oldest] = this.streams.keys();
    this.forget(oldest!);
  }

  private forget(id: number): void {
    this.streams.delete(id);
    this.answers.forget(id);
  }
}
