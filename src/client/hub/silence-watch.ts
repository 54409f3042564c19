/** What to do when a peer says nothing. */
export interface SilenceHandlers {
  /** Makes the peer answer, if it is there. */
  ask(): void;
  giveUp(): void;
}

/**
 * Notices a peer that is gone without a word, as half-open connections are: asks after a silence, gives up after a
 * second one. Browsers do not show protocol pings, so the question is a message.
 */
export class SilenceWatch {
  #timer: ReturnType<typeof setInterval> | undefined;
  #heard = false;
  #asked = false;

  constructor(
    private readonly silenceMs: number,
    private readonly handlers: SilenceHandlers,
  ) {}

  start(): void {
    this.stop();
    this.#timer = setInterval(() => this.#check(), this.silenceMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.heard();
  }

  /** Anything from the peer counts. */
  heard(): void {
    this.#heard = true;
    this.#asked = false;
  }

  #check(): void {
    if (this.#heard) {
      this.#heard = false;
    } else if (this.#asked) {
      this.handlers.giveUp();
    } else {
      this.#asked = true;
      this.handlers.ask();
    }
  }
}
