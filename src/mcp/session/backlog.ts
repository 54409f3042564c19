/** Bounds of what waits for one session. */
const MAX_MESSAGES = 100;
const MAX_CHARACTERS = 512 * 1024;

/** Messages of a session that nobody reads at the moment, until its client is back; the oldest go first. */
export class Backlog {
  private messages: string[] = [];
  private characters = 0;

  add(message: string): void {
    this.messages.push(message);
    this.characters += message.length;
    while (
      this.messages.length > MAX_MESSAGES ||
      (this.characters > MAX_CHARACTERS && this.messages.length > 1)
    ) {
      this.characters -= this.messages.shift()!.length;
    }
  }

  /** Gives all of them away, in order. */
  take(): readonly string[] {
    const { messages } = this;
    this.messages = [];
    this.characters = 0;
    return messages;
  }
}
