import { toJson } from '../json.js';
import type { EventDraft } from '../rest/rest-client.js';

/** Maximum JSON characters per request, well below the service's body limit. */
const MAX_BATCH_CHARACTERS = 256 * 1024;

/** Events waiting to be sent, oldest first; bounded in number and size. */
export class EventBuffer {
  #events: { readonly event: EventDraft; readonly characters: number }[] = [];
  #characters = 0;

  constructor(
    private readonly maxEvents: number,
    private readonly maxCharacters: number,
  ) {}

  get length(): number {
    return this.#events.length;
  }

  get isFull(): boolean {
    return this.#events.length >= this.maxEvents || this.#characters >= this.maxCharacters;
  }

  /** Accepts an event even when full. @throws TypeError when it cannot be written as JSON */
  push(event: EventDraft): void {
    const characters = toJson(event).length;
    this.#events.push({ event, characters });
    this.#characters += characters;
  }

  /** How many of the oldest events fit into one request; at least one, when there is one. */
  batchLength(maxEvents: number): number {
    let characters = 0;
    let length = 0;
    for (const { characters: next } of this.#events) {
      if (length > 0 && (length >= maxEvents || characters + next > MAX_BATCH_CHARACTERS)) break;
      characters += next;
      length++;
    }
    return length;
  }

  oldest(count: number): EventDraft[] {
    return this.#events.slice(0, count).map(({ event }) => event);
  }

  remove(count: number): void {
    for (const { characters } of this.#events.splice(0, count)) this.#characters -= characters;
  }

  clear(): void {
    this.#events = [];
    this.#characters = 0;
  }
}
