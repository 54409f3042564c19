interface Kept {
  readonly stream: number;
  readonly number: number;
  readonly message: string;
}

/** Bounds of what one session can have replayed. */
const MAX_EVENTS = 1000;
const MAX_CHARACTERS = 512 * 1024;

/**
 * The latest messages of a session's streams, for clients that lost a connection. Ids are `<stream>-<number>`: a
 * client resumes one stream and never sees another's messages. The oldest go first.
 */
export class ReplayBuffer {
  private kept: Kept[] = [];
  private size = 0;
  private streamCount = 0;

  /** Of all messages that are kept. */
  get characters(): number {
    return this.size;
  }

  openStream(): number {
    return ++this.streamCount;
  }

  keep(stream: number, number: number, message: string): void {
    this.kept.push({ stream, number, message });
    this.size += message.length;
    let excess = 0;
    while (
      this.kept.length - excess > MAX_EVENTS ||
      (this.size > MAX_CHARACTERS && excess < this.kept.length - 1)
    ) {
      this.size -= this.kept[excess]!.message.length;
      excess += 1;
    }
    if (excess > 0) this.kept.splice(0, excess);
  }

  after(stream: number, number: number): readonly Kept[] {
    return this.kept.filter((message) => message.stream === stream && message.number > number);
  }

  knows(stream: number): boolean {
    return stream >= 1 && stream <= this.streamCount;
  }
}

/** @returns stream and number of an event id, undefined for what is none */
export function parseEventId(id: string): { stream: number; number: number } | undefined {
  const [, stream, number] = /^(\d{1,15})-(\d{1,15})$/.exec(id) ?? [];
  return stream === undefined || number === undefined
    ? undefined
    : { stream: Number(stream), number: Number(number) };
}
