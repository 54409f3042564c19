import { isAtLeast, type Level } from '../log/level.js';
import { textOf } from '../log/event-text.js';
import type { OperationEvent } from '../log/sdk.js';

/** Events kept while their reader follows, and while he reads: then nothing is dropped before his eyes so soon. */
export const MAX_FOLLOWED = 5000;
export const MAX_READ = 50_000;

export interface FirehoseFilter {
  readonly text: string;
  readonly level: Level;
  /** One type of event, or all. */
  readonly type: string;
}

export const NO_FILTER: FirehoseFilter = { text: '', level: 'debug', type: '' };

/**
 * The latest events of all operations, and those of them that pass a filter. Rows are numbered from the first that
 * ever passed, so that dropping old ones moves nothing.
 */
export class FirehoseBuffer {
  #all: OperationEvent[] = [];
  #shown: OperationEvent[] = [];
  #dropped = 0;
  #filter: FirehoseFilter = NO_FILTER;

  get first(): number {
    return this.#dropped + 1;
  }

  get last(): number {
    return this.#dropped + this.#shown.length;
  }

  row(number: number): OperationEvent | undefined {
    return this.#shown[number - this.first];
  }

  /** @returns how many events passed the filter, and how many of them are errors */
  add(events: readonly OperationEvent[], following: boolean): { lines: number; errors: number } {
    const passed = events.filter((event) => passes(event, this.#filter));
    this.#all.push(...events);
    this.#shown.push(...passed);
    const max = following ? MAX_FOLLOWED : MAX_READ;
    if (this.#all.length > max) this.#all = this.#all.slice(-max);
    if (this.#shown.length > max) {
      this.#dropped += this.#shown.length - max;
      this.#shown = this.#shown.slice(-max);
    }
    return { lines: passed.length, errors: passed.filter((event) => textOf(event).level === 'error').length };
  }

  filter(filter: FirehoseFilter): void {
    this.#filter = filter;
    this.#dropped = 0;
    this.#shown = this.#all.filter((event) => passes(event, filter));
  }

  clear(): void {
    this.#all = [];
    this.#shown = [];
    this.#dropped = 0;
  }
}

function passes(event: OperationEvent, { text, level, type }: FirehoseFilter): boolean {
  if (type !== '' && event.event_type !== type) return false;
  const row = textOf(event);
  if (!isAtLeast(row.level, level)) return false;
  if (text === '') return true;
  const wanted = text.toLowerCase();
  return (
    (row.full ?? row.line).toLowerCase().includes(wanted) || event.operation_id.toLowerCase().includes(wanted)
  );
}
