import { Injectable, Logger } from '@nestjs/common';
import { AuditLog } from '../../auth/audit-log.js';
import { Authenticator } from '../../auth/authenticator.js';
import { RateLimits } from '../../auth/rate-limits.js';
import { InputsService } from '../../operations/inputs.service.js';
import { LogPlaces } from '../../operations/log-places.js';
import { OperationsService } from '../../operations/operations.service.js';
import { Subscriptions } from '../delivery/subscriptions.js';
import { SocketMetrics } from '../socket/socket-metrics.js';
import { HubStatus } from './status.js';

/** What commands need, and who decides whether they are allowed. */
@Injectable()
export class CommandDependencies {
  private readonly logger = new Logger('Hub');

  constructor(
    readonly operations: OperationsService,
    readonly inputs: InputsService,
    readonly places: LogPlaces,
    readonly subscriptions: Subscriptions,
    readonly status: HubStatus,
    readonly authenticator: Authenticator,
    readonly limits: RateLimits,
    readonly audit: AuditLog,
    readonly metrics: SocketMetrics,
  ) {}

  reportFailure(error: unknown): void {
    this.logger.error({ event: 'hub_command_failed', error });
  }
}
