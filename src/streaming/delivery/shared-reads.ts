import type { Page, PageBounds, ReadLog, Topic } from './topic.js';

/** How long a page is shared. */
const LIFETIME_MS = 500;
/** Maximum pages held; with the size of a catch-up batch this bounds the memory. */
const MAX_PAGES = 64;

interface SharedPage<Entry> {
  page: Promise<Page<Entry> | null>;
  /** False for a full page, which never changes; after any other, more may have been recorded. */
  last: boolean;
}

/**
 * Reads the log for followers that catch up. When thousands of clients resume after the same event, each page is read
 * once and, because they share its events, encoded once. A page may be slightly stale, as any read may: later events
 * arrive over the bus or with the next read, which is further on or fresh. A page without events is not shared: a
 * follower that cannot join yet would get it again and again.
 */
export class SharedReads<Entry> {
  private readonly topics = new Map<string, Map<string, SharedPage<Entry>>>();
  private held = 0;
  private timer: NodeJS.Timeout | undefined;

  /** @param logOf reads the log of a topic */
  constructor(private readonly logOf: (topic: Topic<Entry>) => ReadLog<Entry>) {}

  reader(topic: Topic<Entry>): ReadLog<Entry> {
    return (after, bounds) => this.read(topic, after, bounds);
  }

  /** The log has grown. */
  grown(key: string): void {
    for (const [place, { last }] of this.topics.get(key) ?? []) if (last) this.drop(key, place);
  }

  /** The log is gone, or nothing reports its growth any longer. */
  forget(key: string): void {
    this.held -= this.topics.get(key)?.size ?? 0;
    this.topics.delete(key);
  }

  clear(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.topics.clear();
    this.held = 0;
  }

  private read(topic: Topic<Entry>, after: number, bounds: PageBounds): Promise<Page<Entry> | null> {
    const place = `${after}/${bounds.limit}/${bounds.maxBytes}`;
    return (this.topics.get(topic.key)?.get(place) ?? this.share(topic, place, after, bounds)).page;
  }

  private share(topic: Topic<Entry>, place: string, after: number, bounds: PageBounds): SharedPage<Entry> {
    const { key } = topic;
    if (this.held >= MAX_PAGES) this.clear();
    const shared: SharedPage<Entry> = { page: this.logOf(topic)(after, bounds), last: true };
    shared.page = shared.page.then(
      (page) => {
        const end = page?.events.at(-1);
        if (page === null || end === undefined) this.drop(key, place, shared);
        else shared.last = topic.cursorOf(end) >= page.head;
        return page;
      },
      (error: unknown) => {
        this.drop(key, place, shared);
        throw error;
      },
    );
    const pages = this.topics.get(key) ?? new Map<string, SharedPage<Entry>>();
    this.topics.set(key, pages.set(place, shared));
    this.held += 1;
    this.timer ??= setTimeout(() => this.clear(), LIFETIME_MS).unref();
    return shared;
  }

  private drop(key: string, place: string, only?: SharedPage<Entry>): void {
    const pages = this.topics.get(key);
    if (pages === undefined || (only !== undefined && pages.get(place) !== only)) return;
    if (pages.delete(place)) this.held -= 1;
    if (pages.size === 0) this.topics.delete(key);
  }
}
