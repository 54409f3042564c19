import type { RecordedEvent } from '../operation-event.js';
import type { PageBounds } from '../operation-store.js';

/** Holes below which the log is not compacted. */
const FEW_HOLES = 1024;

/**
 * A tenant's events sorted by position; removed ones leave holes, which are compacted once they are the larger part.
 */
export class PositionLog {
  private positions: number[] = [];
  private events: (RecordedEvent | undefined)[] = [];
  private holes = 0;

  add(event: RecordedEvent): void {
    this.positions.push(event.position);
    this.events.push(event);
  }

  remove({ position }: RecordedEvent): void {
    const index = this.firstIndexAfter(position - 1);
    if (this.positions[index] !== position || !this.events[index]) return;
    this.events[index] = undefined;
    this.holes++;
    if (this.holes > FEW_HOLES && this.holes * 2 > this.events.length) this.pack();
  }

  after(position: number, { limit, maxBytes }: PageBounds): RecordedEvent[] {
    const taken: RecordedEvent[] = [];
    let size = 0;
    for (let index = this.firstIndexAfter(position); index < this.events.length; index++) {
      if (taken.length >= limit || size >= maxBytes) break;
      const event = this.events[index];
      if (!event) continue;
      taken.push(event);
      size += event.data.length;
    }
    return taken;
  }

  private pack(): void {
    const kept = this.events.filter((event) => event !== undefined);
    this.events = kept;
    this.positions = kept.map(({ position }) => position);
    this.holes = 0;
  }

  private firstIndexAfter(position: number): number {
    let low = 0;
    let high = this.positions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.positions[middle]! <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
