/** Limits of the reports waiting for one session. */
const MAX_REPORTS = 100;
const MAX_REPORT_CHARACTERS = 512 * 1024;
/** Characters of waiting answers; the newest is kept regardless of size. */
const MAX_ANSWER_CHARACTERS = 8 * 1024 * 1024;

type Kind = 'report' | 'answer' | 'topic';

interface Waiting {
  readonly message: string;
  readonly kind: Kind;
  readonly topic: string | undefined;
}

/**
 * Messages of a session without a reader, until its client is back; the oldest are dropped first. Answers have their
 * own limit, so that reports never displace an answer.
 */
export class Backlog {
  private waiting: Waiting[] = [];

  /** A report is a notification, of which some may be lost. */
  addReport(message: string): void {
    this.waiting.push({ message, kind: 'report', topic: undefined });
    this.trim('report', MAX_REPORTS, MAX_REPORT_CHARACTERS);
  }

  addAnswer(message: string): void {
    this.waiting.push({ message, kind: 'answer', topic: undefined });
    this.trim('answer', Infinity, MAX_ANSWER_CHARACTERS);
  }

  /** One message per topic suffices. */
  addOnce(topic: string, message: string): void {
    if (this.waiting.some((other) => other.topic === topic)) return;
    this.waiting.push({ message, kind: 'topic', topic });
  }

  /** Removes and returns all of them, in order. */
  take(): readonly string[] {
    const messages = this.waiting.map(({ message }) => message);
    this.waiting = [];
    return messages;
  }

  private trim(kind: Kind, most: number, mostCharacters: number): void {
    const own = this.waiting.filter((one) => one.kind === kind);
    let characters = own.reduce((sum, { message }) => sum + message.length, 0);
    let excess = 0;
    while (own.length - excess > most || (characters > mostCharacters && own.length - excess > 1)) {
      characters -= own[excess]!.message.length;
      excess += 1;
    }
    if (excess === 0) return;
    const removed = new Set(own.slice(0, excess));
    this.waiting = this.waiting.filter((one) => !removed.has(one));
  }
}
