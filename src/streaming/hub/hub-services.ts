import { Injectable, Logger } from '@nestjs/common';
import { OperationsService } from '../../operations/operations.service.js';
import { Subscriptions } from '../delivery/subscriptions.js';
import { HubStatus } from './hub-status.js';

/** What the commands of a hub session work with. */
@Injectable()
export class HubServices {
  private readonly logger = new Logger('Hub');

  constructor(
    readonly operations: OperationsService,
    readonly subscriptions: Subscriptions,
    readonly status: HubStatus,
  ) {}

  reportFailure(error: unknown): void {
    this.logger.error({ event: 'hub_command_failed', error });
  }
}
