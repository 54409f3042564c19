import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { ResourceRegistry } from '../../mcp/resources/resource-registry.js';
import { ResourceSubscriptions, type Interest } from '../../mcp/resources/resource-subscriptions.service.js';
import type { Subscription } from 'rxjs';
import { ForgeMirrors } from '../mirror/forge-mirrors.service.js';
import { ForgeStreams } from '../streams/forge-streams.service.js';
import type { StreamKind } from '../streams/stream-urls.js';

const OF_ATTEMPT = /^forge:\/\/(?:logs\/attempt|status\/attempt|status\/branch)\/([^/]+)$/;
/** Resources whose changes are reported by a stream of their own. */
const STREAMED: readonly (readonly [StreamKind, RegExp])[] = [
  ['tasks', /^forge:\/\/status\/project\/([^/]+)$/],
  ['drafts', /^forge:\/\/drafts\/project\/([^/]+)$/],
  ['normalized-logs', /^forge:\/\/logs\/normalized\/([^/]+)$/],
];

/**
 * Follows upstream what clients subscribe to: an attempt (watches its run), a project (its tasks or drafts), or a
 * normalized log.
 */
@Injectable()
export class ForgeResourceWatch implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('ForgeResources');
  /** Functions that stop following, by tenant and URI. */
  private readonly followed = new Map<string, () => void>();
  private interest: Subscription | undefined;

  constructor(
    private readonly subscriptions: ResourceSubscriptions,
    private readonly resources: ResourceRegistry,
    private readonly mirrors: ForgeMirrors,
    private readonly streams: ForgeStreams,
  ) {}

  onModuleInit(): void {
    this.interest = this.subscriptions.interest$.subscribe((interest) => this.changed(interest));
  }

  onModuleDestroy(): void {
    this.interest?.unsubscribe();
  }

  private changed({ uri, tenant, watched }: Interest): void {
    const key = `${tenant} ${uri}`;
    this.followed.get(key)?.();
    this.followed.delete(key);
    if (!watched) return;
    const attempt = OF_ATTEMPT.exec(uri)?.[1];
    if (attempt !== undefined) this.followed.set(key, this.followAttempt(tenant, attempt));
    for (const [kind, pattern] of STREAMED) {
      const id = pattern.exec(uri)?.[1];
      if (id !== undefined) this.followed.set(key, this.followStream(tenant, kind, id, uri));
    }
  }

  private followAttempt(tenant: string, attemptId: string): () => void {
    const watching = this.mirrors.watch(tenant, attemptId);
    watching.catch((error: unknown) =>
      this.logger.debug({ event: 'forge_resource_unwatched', attempt_id: attemptId, error }),
    );
    // The recording belongs to the run, which continues without subscribers.
    return () => {};
  }

  private followStream(tenant: string, kind: StreamKind, id: string, uri: string): () => void {
    if (!this.streams.has(kind)) return () => {};
    try {
      return this.follow(tenant, kind, id, uri);
    } catch (error) {
      this.logger.warn({ event: 'forge_resource_unwatched', uri, tenant, error });
      return () => {};
    }
  }

  private follow(tenant: string, kind: StreamKind, id: string, uri: string): () => void {
    // Forge sends the state first, which a subscriber reads anyway; the older API sends only changes.
    let isNews = false;
    const stream = this.streams.open(tenant, kind, id, {
      onOpen: () => {},
      onFrame: (frame) => {
        if (frame.kind !== 'patch' && frame.kind !== 'object') return;
        if (isNews || frame.kind === 'object') this.resources.notifyUpdated(uri, tenant);
        isNews = true;
      },
      onError: () => {},
      onEnd: () => {},
    });
    return () => stream.close();
  }
}
