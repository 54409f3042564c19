/** What to do when a peer is silent. */
export interface SilenceHandlers {
  /** Makes the peer answer, if it is alive. */
  ask(): void;
  giveUp(): void;
}

/**
 * Detects a peer that is gone without notice, as in half-open connections: pings after a silence, gives up after a
 * second one. Browsers do not expose protocol pings, so the ping is a message.
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
