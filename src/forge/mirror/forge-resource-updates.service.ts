import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { ResourceRegistry } from '../../mcp/resources/resource-registry.js';
import type { MirrorDetails } from './mirror-events.js';

/** Subscribers of one resource hear of changes at most this often. */
const INTERVAL_MS = 250;

export const forgeUri = {
  attemptLogs: (attemptId: string) => `forge://logs/attempt/${attemptId}`,
  processLogs: (processId: string) => `forge://logs/process/${processId}`,
  attemptStatus: (attemptId: string) => `forge://status/attempt/${attemptId}`,
  branchStatus: (attemptId: string) => `forge://status/branch/${attemptId}`,
};

/** Tells the subscribers of Forge's resources what a watched run changes, many changes at a time. */
@Injectable()
export class ForgeResourceUpdates implements OnModuleDestroy {
  /** URIs that changed, by tenant, since subscribers were last told. */
  private readonly changed = new Map<string, Set<string>>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly resources: ResourceRegistry) {}

  onModuleDestroy(): void {
    clearTimeout(this.timer);
  }

  recorded(tenant: string, attemptId: string, details: MirrorDetails): void {
    switch (details.kind) {
      case 'log':
        this.add(tenant, forgeUri.attemptLogs(attemptId), forgeUri.processLogs(details.process_id));
        break;
      case 'process':
        this.add(tenant, forgeUri.attemptStatus(attemptId), forgeUri.attemptLogs(attemptId));
        break;
      case 'diff':
        this.add(tenant, forgeUri.branchStatus(attemptId));
        break;
      case 'stream_error':
        break;
    }
  }

  ended(tenant: string, attemptId: string): void {
    this.add(tenant, forgeUri.attemptStatus(attemptId));
  }

  private add(tenant: string, ...uris: readonly string[]): void {
    const changed = this.changed.get(tenant) ?? new Set<string>();
    this.changed.set(tenant, changed);
    for (const uri of uris) changed.add(uri);
    this.timer ??= setTimeout(() => this.tell(), INTERVAL_MS).unref();
  }

  private tell(): void {
    this.timer = undefined;
    for (const [tenant, uris] of this.changed) {
      for (const uri of uris) this.resources.notifyUpdated(uri, tenant);
    }
    this.changed.clear();
  }
}
