import type { LogPage, OperationStore, PageBounds } from '../../operations/operation-store.js';
import type { ReadLog } from './subscription.js';
import { cursorOf, topicKey, type Topic } from './topic.js';

/** How long a page is shared. */
const LIFETIME_MS = 500;
/** Pages held at once; with the size of a catch-up batch this bounds the memory. */
const MAX_PAGES = 64;

interface SharedPage {
  page: Promise<LogPage | null>;
  /** False for a full page, which never changes; behind any other, more may have been recorded. */
  last: boolean;
}

/**
 * Reads the log for followers that catch up. When thousands of clients resume after the same event, each page is read
 * once, and since they share its events, encoded once. A page may be a moment old, as any read may: what was recorded
 * since then comes over the bus, or is found by the next read. That one is always further on, or fresh: a page without
 * events is not shared, since a follower that cannot join yet would be given it again and again.
 */
export class SharedReads {
  private readonly topics = new Map<string, Map<string, SharedPage>>();
  private held = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly store: OperationStore) {}

  reader(topic: Topic): ReadLog {
    const key = topicKey(topic.tenant, topic.operationId);
    return (after, bounds) => this.read(key, topic, after, bounds);
  }

  /** The log has grown. */
  grown(key: string): void {
    for (const [place, { last }] of this.topics.get(key) ?? []) if (last) this.drop(key, place);
  }

  /** The log is gone, or nobody would tell any more that it has grown. */
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

  private read(key: string, topic: Topic, after: number, bounds: PageBounds): Promise<LogPage | null> {
    const place = `${after}/${bounds.limit}/${bounds.maxBytes}`;
    return (this.topics.get(key)?.get(place) ?? this.share(key, place, topic, after, bounds)).page;
  }

  private share(key: string, place: string, topic: Topic, after: number, bounds: PageBounds): SharedPage {
    if (this.held >= MAX_PAGES) this.clear();
    const shared: SharedPage = { page: this.fetch(topic, after, bounds), last: true };
    shared.page = shared.page.then(
      (page) => {
        const end = page?.events.at(-1);
        if (page === null || end === undefined) this.drop(key, place, shared);
        else shared.last = cursorOf(topic, end) >= page.head;
        return page;
      },
      (error: unknown) => {
        this.drop(key, place, shared);
        throw error;
      },
    );
    const pages = this.topics.get(key) ?? new Map<string, SharedPage>();
    this.topics.set(key, pages.set(place, shared));
    this.held += 1;
    this.timer ??= setTimeout(() => this.clear(), LIFETIME_MS).unref();
    return shared;
  }

  private drop(key: string, place: string, only?: SharedPage): void {
    const pages = this.topics.get(key);
    if (pages === undefined || (only !== undefined && pages.get(place) !== only)) return;
    if (pages.delete(place)) this.held -= 1;
    if (pages.size === 0) this.topics.delete(key);
  }

  private fetch({ tenant, operationId }: Topic, after: number, bounds: PageBounds): Promise<LogPage | null> {
    if (operationId === null) return this.store.readTenant(tenant, after, bounds);
    return this.store.readOperation(tenant, operationId, after, bounds);
  }
}
