import { Injectable } from '@nestjs/common';
import { ResourceRegistry } from '../../mcp/resources/resource-registry.js';
import { ResourceSubscriptions } from '../../mcp/resources/resource-subscriptions.service.js';
import type { MirrorDetails } from './mirror-events.js';

/** Notifies subscribers of Forge resources about changes by a watched run. */
@Injectable()
export class ForgeResourceUpdates {
  constructor(
    private readonly resources: ResourceRegistry,
    private readonly subscriptions: ResourceSubscriptions,
  ) {}

  recorded(tenant: string, attemptId: string, details: MirrorDetails): void {
    if (this.subscriptions.size === 0) return;
    switch (details.kind) {
      case 'log':
        this.changed(tenant, `forge://logs/attempt/${attemptId}`);
        this.changed(tenant, `forge://logs/process/${details.process_id}`);
        break;
      case 'process':
        this.changed(tenant, `forge://logs/attempt/${attemptId}`);
        this.changed(tenant, `forge://status/attempt/${attemptId}`);
        break;
      case 'diff':
        this.changed(tenant, `forge://status/branch/${attemptId}`);
        break;
      case 'stream_error':
        break;
    }
  }

  /** A run has ended. */
  ended(tenant: string, attemptId: string): void {
    this.changed(tenant, `forge://status/attempt/${attemptId}`);
  }

  private changed(tenant: string, uri: string): void {
    if (this.subscriptions.isWatched(uri)) this.resources.notifyUpdated(uri, tenant);
  }
}
