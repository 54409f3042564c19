/** One answer's place in the order; empty until it is known. */
interface Place {
  text: string | undefined;
}

/**
 * Sends answers in the order of the commands, although a refusal is known immediately and an append only when it is
 * durable: producers that pipeline without request ids count answers.
 */
export class AnswerOrder {
  private places: Place[] = [];
  private sent = 0;
  private held = 0;

  constructor(private readonly send: (text: string) => void) {}

  /** Commands whose answers have not been sent yet. */
  get waiting(): number {
    return this.places.length - this.sent;
  }

  /** Characters of the answers held back by an earlier one. */
  get heldCharacters(): number {
    return this.held;
  }

  /** @returns sends this command's answer, once all earlier ones are sent; call it exactly once */
  next(): (text: string) => void {
    const place: Place = { text: undefined };
    this.places.push(place);
    return (text) => {
      place.text = text;
      this.held += text.length;
      this.flush();
    };
  }

  private flush(): void {
    for (let text = this.places[this.sent]?.text; text !== undefined; text = this.places[this.sent]?.text) {
      this.held -= text.length;
      this.send(text);
      this.sent += 1;
    }
    if (this.sent === this.places.length) {
      this.places = [];
      this.sent = 0;
    } else if (this.sent > 1000) {
      this.places.splice(0, this.sent);
      this.sent = 0;
    }
  }
}
