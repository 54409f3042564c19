import { Subject, type Observable } from 'rxjs';

/**
 * A named set that may change at run time: entries come from decorated methods, connected peers and OpenAPI documents.
 * Listings are sorted by key, because clients cache and compare them.
 */
export class NamedRegistry<Entry> {
  private readonly entries = new Map<string, Entry>();
  private readonly changed = new Subject<void>();
  private sorted: readonly Entry[] | undefined;

  /** Emits after every change; a change of many entries emits once. */
  readonly changes$: Observable<void> = this.changed.asObservable();

  /** @param what the kind of entry, for messages; @param keyOf its unique key */
  constructor(
    private readonly what: string,
    private readonly keyOf: (entry: Entry) => string,
  ) {}

  /** @throws Error when the key is taken: two providers that claim one name are a programming error */
  add(...added: readonly Entry[]): void {
    for (const entry of added) {
      const key = this.keyOf(entry);
      if (this.entries.has(key)) throw new Error(`There already is a ${this.what} "${key}"`);
      this.entries.set(key, entry);
    }
    if (added.length > 0) this.touch();
  }

  /** Removes the entries with these keys and adds the given ones, as one change. */
  replace(keys: Iterable<string>, added: readonly Entry[]): void {
    for (const key of keys) this.entries.delete(key);
    this.sorted = undefined;
    this.add(...added);
    if (added.length === 0) this.touch();
  }

  remove(key: string): boolean {
    const removed = this.entries.delete(key);
    if (removed) this.touch();
    return removed;
  }

  get(key: string): Entry | undefined {
    return this.entries.get(key);
  }

  /** All entries, sorted by key; the same array until the next change. */
  list(): readonly Entry[] {
    this.sorted ??= [...this.entries.keys()].sort().map((key) => this.entries.get(key)!);
    return this.sorted;
  }

  private touch(): void {
    this.sorted = undefined;
    this.changed.next();
  }
}
