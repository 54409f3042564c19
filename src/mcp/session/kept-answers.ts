export interface KeptAnswer {
  readonly number: number;
  readonly message: string;
}

/** Characters of answers that nobody has taken yet; the newest is kept whatever its size. */
const MAX_WAITING_CHARACTERS = 8 * 1024 * 1024;
/** Characters of answers that have left, in case that they were lost on their way. */
const MAX_SENT_CHARACTERS = 512 * 1024;

/**
 * The answers of a session's streams, each kept until its client has it. Reports may be missing after a resumption, an
 * answer may not: what is over a bound goes oldest first, and whoever asks for it is refused.
 */
export class KeptAnswers {
  private readonly waiting = new Map<number, KeptAnswer>();
  private readonly sent = new Map<number, KeptAnswer>();
  private waitingCharacters = 0;
  private sentCharacters = 0;

  get characters(): number {
    return this.waitingCharacters + this.sentCharacters;
  }

  keep(stream: number, answer: KeptAnswer): void {
    this.waiting.set(stream, answer);
    this.waitingCharacters += answer.message.length;
    for (const [oldest] of this.waiting) {
      if (this.waitingCharacters <= MAX_WAITING_CHARACTERS || this.waiting.size === 1) return;
      this.forget(oldest);
    }
  }

  /** Its bytes have left for the client. */
  markSent(stream: number): void {
    const answer = this.waiting.get(stream);
    if (!answer) return;
    this.forget(stream);
    this.sent.set(stream, answer);
    this.sentCharacters += answer.message.length;
    for (const [oldest] of this.sent) {
      if (this.sentCharacters <= MAX_SENT_CHARACTERS) return;
      this.forget(oldest);
    }
  }

  get(stream: number): KeptAnswer | undefined {
    return this.waiting.get(stream) ?? this.sent.get(stream);
  }

  /** The client has it. */
  forget(stream: number): void {
    this.waitingCharacters -= this.waiting.get(stream)?.message.length ?? 0;
    this.sentCharacters -= this.sent.get(stream)?.message.length ?? 0;
    this.waiting.delete(stream);
    this.sent.delete(stream);
  }
}
