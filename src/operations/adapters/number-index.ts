/** Something with a number that increases in the order of creation. */
export interface Numbered {
  readonly number: number;
}

/** Entries sorted by number: added near the end, found and removed by bisection. */
export class NumberIndex<T extends Numbered> {
  private readonly entries: T[] = [];

  get size(): number {
    return this.entries.length;
  }

  add(entry: T): void {
    const last = this.entries.at(-1);
    if (!last || last.number < entry.number) this.entries.push(entry);
    else this.entries.splice(this.indexOf(entry.number), 0, entry);
  }

  remove({ number }: Numbered): void {
    const index = this.indexOf(number);
    if (this.entries[index]?.number === number) this.entries.splice(index, 1);
  }

  /** The newest entries below a number, newest first. */
  before(number: number, limit: number): T[] {
    const end = this.indexOf(Math.min(number, Number.MAX_SAFE_INTEGER));
    return this.entries.slice(Math.max(0, end - limit), end).toReversed();
  }

  /** The entry with the lowest number. */
  get first(): T | undefined {
    return this.entries[0];
  }

  /** Index of the first entry with this number or a higher one. */
  private indexOf(number: number): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.entries[middle]!.number < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
