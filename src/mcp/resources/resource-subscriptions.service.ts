import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Subject, type Observable } from 'rxjs';
import type { Principal } from '../../auth/principal.js';
import { ResourceRegistry, type ResourceUpdate } from './resource-registry.js';
import { canonicalUri } from './uri.js';

/** Minimum interval between notifications of one resource. */
const MIN_INTERVAL_MS = 100;

interface Watcher {
  readonly principal: Principal;
  readonly tell: () => void;
}

interface Watched {
  readonly watchers: Set<Watcher>;
  /** Runs while notifications are held back. */
  timer: NodeJS.Timeout | undefined;
  /** Who is notified when the timer fires. */
  readonly due: Set<Watcher>;
}

/** A tenant got its first watcher of a URI, or lost its last. */
export interface Interest {
  /** In canonical form, however a client wrote it. */
  readonly uri: string;
  readonly tenant: string;
  readonly watched: boolean;
}

/** Who follows which resource, in either era; watchers are notified of their own tenant only. */
@Injectable()
export class ResourceSubscriptions implements OnModuleDestroy {
  private readonly byUri = new Map<string, Watched>();
  private readonly interest = new Subject<Interest>();
  /** For resources that must be followed upstream while somebody watches them. */
  readonly interest$: Observable<Interest> = this.interest.asObservable();

  constructor(registry: ResourceRegistry) {
    registry.updates$.subscribe((update) => this.announce(update));
  }

  onModuleDestroy(): void {
    for (const { timer } of this.byUri.values()) clearTimeout(timer);
    this.byUri.clear();
  }

  /** Producers of frequent changes check this first: usually nobody is watching. */
  isWatched(uri: string): boolean {
    return this.byUri.has(canonicalUri(uri));
  }

  get size(): number {
    return this.byUri.size;
  }

  /** @returns ends the subscription */
  watch(named: string, principal: Principal, tell: () => void): () => void {
    const uri = canonicalUri(named);
    const watched = this.byUri.get(uri) ?? { watchers: new Set(), timer: undefined, due: new Set() };
    this.byUri.set(uri, watched);
    const { tenant } = principal;
    const watcher = { principal, tell };
    const isFirst = !hasWatcher(watched, tenant);
    watched.watchers.add(watcher);
    if (isFirst) this.interest.next({ uri, tenant, watched: true });
    return () => {
      watched.due.delete(watcher);
      if (!watched.watchers.delete(watcher)) return;
      if (!hasWatcher(watched, tenant)) this.interest.next({ uri, tenant, watched: false });
      if (watched.watchers.size > 0 || this.byUri.get(uri) !== watched) return;
      clearTimeout(watched.timer);
      this.byUri.delete(uri);
    };
  }

  private announce(update: ResourceUpdate): void {
    const watched = this.byUri.get(update.uri);
    if (!watched) return;
    const concerned = [...watched.watchers].filter((watcher) => concerns(update, watcher));
    if (concerned.length === 0) return;
    if (watched.timer) {
      for (const watcher of concerned) watched.due.add(watcher);
      return;
    }
    for (const { tell } of concerned) tell();
    this.holdBack(update.uri, watched);
  }

  private holdBack(uri: string, watched: Watched): void {
    watched.timer = setTimeout(() => {
      watched.timer = undefined;
      if (watched.due.size === 0) return;
      const due = [...watched.due];
      watched.due.clear();
      for (const { tell } of due) tell();
      this.holdBack(uri, watched);
    }, MIN_INTERVAL_MS).unref();
  }
}

function hasWatcher({ watchers }: Watched, tenant: string): boolean {
  for (const { principal } of watchers) if (principal.tenant === tenant) return true;
  return false;
}

function concerns({ tenant, seenBy }: ResourceUpdate, { principal }: Watcher): boolean {
  return (tenant === undefined || principal.tenant === tenant) && (seenBy?.(principal) ?? true);
}
