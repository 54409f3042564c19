import { Injectable } from '@nestjs/common';
import type { ServerStats } from '../../client/protocol/operation-events.js';
import { Configuration } from '../../config/configuration.js';
import { OperationsService } from '../../operations/operations.service.js';
import { Subscriptions } from '../delivery/subscriptions.js';

/** Answer of the status calls. */
export interface WebSocketStatus {
  available: boolean;
  running: boolean;
  stats: ServerStats | null;
}

/** Status of the WebSocket side, as seen by clients of a tenant. */
@Injectable()
export class HubStatus {
  private readonly clients = new Map<string, number>();
  private serving = false;

  constructor(
    private readonly configuration: Configuration,
    private readonly operations: OperationsService,
    private readonly subscriptions: Subscriptions,
  ) {}

  get running(): boolean {
    return this.serving;
  }

  started(): void {
    this.serving = this.configuration.streaming.enabled;
  }

  stopped(): void {
    this.serving = false;
  }

  clientConnected(tenant: string): void {
    this.clients.set(tenant, (this.clients.get(tenant) ?? 0) + 1);
  }

  clientLeft(tenant: string): void {
    const left = (this.clients.get(tenant) ?? 1) - 1;
    if (left === 0) this.clients.delete(tenant);
    else this.clients.set(tenant, left);
  }

  async stats(tenant: string): Promise<ServerStats> {
    const counts = await this.operations.counts(tenant);
    return {
      connected_clients: this.clients.get(tenant) ?? 0,
      active_operations: counts.active,
      total_operations: counts.total,
      subscriptions: this.subscriptions.count(tenant),
    };
  }

  async status(tenant: string): Promise<WebSocketStatus> {
    const { enabled } = this.configuration.streaming;
    return {
      available: enabled,
      running: this.running,
      stats: this.running ? await this.stats(tenant) : null,
    };
  }
}
