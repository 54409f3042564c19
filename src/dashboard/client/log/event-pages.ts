import type { OperationEvent } from './sdk.js';

/** Events of a page; the service answers up to 1000, and half a megabyte, at a time. */
export const PAGE_SIZE = 250;
/** 15,000 events in memory, however long the log is. */
const MAX_PAGES = 60;

interface Page {
  readonly events: (OperationEvent | undefined)[];
  count: number;
}

/** The parts of one log that are in memory: pages by number, the least recently used dropped first. */
export class EventPages {
  readonly #pages = new Map<number, Page>();

  get(seq: number): OperationEvent | undefined {
    return this.#pages.get(pageOf(seq))?.events[indexOf(seq)];
  }

  add(events: Iterable<OperationEvent>): void {
    for (const event of events) {
      const number = pageOf(event.seq);
      let page = this.#pages.get(number);
      if (!page) {
        page = { events: Array.from({ length: PAGE_SIZE }), count: 0 };
        this.#pages.set(number, page);
        this.#evict();
      }
      if (page.events[indexOf(event.seq)] === undefined) page.count += 1;
      page.events[indexOf(event.seq)] = event;
    }
  }

  /** Marks pages as used, so that what is on screen stays. */
  touch(from: number, to: number): void {
    for (let number = pageOf(from); number <= pageOf(to); number++) {
      const page = this.#pages.get(number);
      if (!page) continue;
      this.#pages.delete(number);
      this.#pages.set(number, page);
    }
  }

  /** The first event in a range that is missing, or undefined. */
  firstMissing(from: number, to: number): number | undefined {
    for (let seq = from; seq <= to; seq++) {
      const page = this.#pages.get(pageOf(seq));
      if (!page) return seq;
      if (page.count === PAGE_SIZE) seq = lastOf(pageOf(seq));
      else if (page.events[indexOf(seq)] === undefined) return seq;
    }
    return undefined;
  }

  clear(): void {
    this.#pages.clear();
  }

  get size(): number {
    return this.#pages.size * PAGE_SIZE;
  }

  #evict(): void {
    while (this.#pages.size > MAX_PAGES) {
      const [oldest] = this.#pages.keys();
      this.#pages.delete(oldest!);
    }
  }
}

function pageOf(seq: number): number {
  return Math.floor((seq - 1) / PAGE_SIZE);
}

function indexOf(seq: number): number {
  return (seq - 1) % PAGE_SIZE;
}

function lastOf(page: number): number {
  return (page + 1) * PAGE_SIZE;
}
