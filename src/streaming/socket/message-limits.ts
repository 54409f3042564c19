import type { AuditLog } from '../../auth/audit-log.js';
import { requireScope } from '../../auth/auth.guard.js';
import type { Scope } from '../../auth/principal.js';
import type { RateLimits } from '../../auth/rate-limits.js';
import { toOpstreamError } from '../../platform/errors/opstream-error.js';
import type { Connection } from './connection.js';

/** Decides whether a connection may send another message and do what it asks for; logs refusals. */
export class MessageLimits {
  private overLimit = false;

  constructor(
    private readonly connection: Connection,
    private readonly limits: RateLimits,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Counts one message against the user's limit.
   * @param always it ends work and is never refused
   * @throws OpstreamError `too_many_requests`
   */
  count(always = false): void {
    const { principal, address } = this.connection;
    try {
      this.limits.takeMessage(principal, address, always);
      this.overLimit = false;
    } catch (thrown) {
      // One line for a series of refused messages: a flood of messages must not become a flood of lines.
      if (!this.overLimit) this.audit.commandRefused(address, toOpstreamError(thrown), { principal });
      this.overLimit = true;
      throw thrown;
    }
  }

  /** @throws OpstreamError `forbidden` */
  permit(scope: Scope): void {
    const { principal, address } = this.connection;
    try {
      requireScope(principal, scope);
    } catch (thrown) {
      this.audit.commandRefused(address, toOpstreamError(thrown), { principal });
      throw thrown;
    }
  }
}
