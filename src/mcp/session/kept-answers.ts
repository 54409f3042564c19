export interface KeptAnswer {
  readonly number: number;
  readonly message: string;
}

/** Characters of answers that have not been read; the newest is kept regardless of size. */
const MAX_WAITING_CHARACTERS = 8 * 1024 * 1024;
/** Characters of sent answers kept in case they were lost on the way. */
const MAX_SENT_CHARACTERS = 512 * 1024;

/**
 * The answers of a session's streams, each kept until its client has it. Reports may be missing after a resumption, an
 * answer may not: beyond a limit the oldest is dropped, and a request for it is refused.
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

  /** Its bytes have been sent. */
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
