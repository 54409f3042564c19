import { parseEventId, ReplayBuffer } from './replay-buffer.js';
import { SessionStream } from './session-stream.js';
import type { SseResponse } from './sse-response.js';

/** Unfinished streams of one session. */
const MAX_STREAMS = 256;

/** The server-sent streams of one session, by the number in their event ids. */
export class SessionStreams {
  private readonly buffer = new ReplayBuffer();
  private readonly streams = new Map<number, SessionStream>();

  /** @param primed see `SessionStream` */
  constructor(private readonly primed: boolean) {}

  get replayCharacters(): number {
    return this.buffer.characters;
  }

  open(response: SseResponse | undefined): SessionStream {
    this.forgetOldest();
    const stream = new SessionStream(this.buffer, response, this.primed);
    this.streams.set(stream.id, stream);
    return stream;
  }

  /** Goes on with the stream of an event id. @returns undefined when there is no such stream in this session */
  resume(lastEventId: string, response: () => SseResponse): SessionStream | undefined {
    const position = parseEventId(lastEventId);
    const stream = position && this.streams.get(position.stream);
    stream?.resume(response(), position!.number);
    return stream;
  }

  private forgetOldest(): void {
    if (this.streams.size < MAX_STREAMS) return;
    for (const [id, stream] of this.streams) {
      if (!stream.done) continue;
      this.streams.delete(id);
      return;
    }
    const [oldest] = this.streams.keys();
    this.streams.delete(oldest!);
  }
}
