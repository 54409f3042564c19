import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Subject, type Observable } from 'rxjs';
import { ResourceRegistry, type ResourceUpdate } from './resource-registry.js';
import { canonicalUri } from './uri.js';

/** A resource that changes all the time is announced at most this often. */
const MIN_INTERVAL_MS = 100;

interface Watcher {
  readonly tenant: string;
  readonly tell: () => void;
}

interface Watched {
  readonly watchers: Set<Watcher>;
  /** Runs while announcements are held back. */
  timer: NodeJS.Timeout | undefined;
  /** Tenants whose watchers wait for the timer; undefined stands for all. */
  readonly due: Set<string | undefined>;
}

/** A tenant has its first watcher of a URI, or lost its last. */
export interface Interest {
  /** In canonical form, whichever way a client wrote it. */
  readonly uri: string;
  readonly tenant: string;
  readonly watched: boolean;
}

/** Who wants to know of changes to which resource, in either era; each watcher hears of its own tenant only. */
@Injectable()
export class ResourceSubscriptions implements OnModuleDestroy {
  private readonly byUri = new Map<string, Watched>();
  private readonly interest = new Subject<Interest>();
  /** For resources that have to be followed somewhere else while somebody watches them. */
  readonly interest$: Observable<Interest> = this.interest.asObservable();

  constructor(registry: ResourceRegistry) {
    registry.updates$.subscribe((update) => this.announce(update));
  }

  onModuleDestroy(): void {
    for (const { timer } of this.byUri.values()) clearTimeout(timer);
    this.byUri.clear();
  }

  /** Producers of many changes ask first: nobody watching is the usual case. */
  isWatched(uri: string): boolean {
    return this.byUri.has(canonicalUri(uri));
  }

  get size(): number {
    return this.byUri.size;
  }

  /** @returns ends the subscription */
  watch(named: string, tenant: string, tell: () => void): () => void {
    const uri = canonicalUri(named);
    const watched = this.byUri.get(uri) ?? { watchers: new Set(), timer: undefined, due: new Set() };
    this.byUri.set(uri, watched);
    const watcher = { tenant, tell };
    const isFirst = !hasWatcher(watched, tenant);
    watched.watchers.add(watcher);
    if (isFirst) this.interest.next({ uri, tenant, watched: true });
    return () => {
      if (!watched.watchers.delete(watcher)) return;
      if (!hasWatcher(watched, tenant)) this.interest.next({ uri, tenant, watched: false });
      if (watched.watchers.size > 0 || this.byUri.get(uri) !== watched) return;
      clearTimeout(watched.timer);
      this.byUri.delete(uri);
    };
  }

  private announce({ uri, tenant }: ResourceUpdate): void {
    const watched = this.byUri.get(uri);
    if (!watched) return;
    if (watched.timer) {
      watched.due.add(tenant);
      return;
    }
    this.tell(watched, new Set([tenant]));
    this.holdBack(uri, watched);
  }

  private holdBack(uri: string, watched: Watched): void {
    watched.timer = setTimeout(() => {
      watched.timer = undefined;
      if (watched.due.size === 0) return;
      const due = new Set(watched.due);
      watched.due.clear();
      this.tell(watched, due);
      this.holdBack(uri, watched);
    }, MIN_INTERVAL_MS).unref();
  }

  private tell({ watchers }: Watched, tenants: ReadonlySet<string | undefined>): void {
    for (const { tenant, tell } of watchers) {
      if (tenants.has(undefined) || tenants.has(tenant)) tell();
    }
  }
}

function hasWatcher({ watchers }: Watched, tenant: string): boolean {
  for (const watcher of watchers) if (watcher.tenant === tenant) return true;
  return false;
}
