interface Kept {
  readonly stream: number;
  readonly number: number;
  readonly message: string;
}

/** Limits of the reports that one session can replay. */
const MAX_EVENTS = 1000;
const MAX_CHARACTERS = 512 * 1024;

/**
 * The latest reports of a session's streams, for clients that lost a connection; the oldest are dropped first. Answers
 * are kept separately: see `KeptAnswers`.
 */
export class ReplayBuffer {
  private kept: Kept[] = [];
  private size = 0;

  /** Of all kept reports. */
  get characters(): number {
    return this.size;
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
}
