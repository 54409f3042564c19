import { requireScope } from '../../auth/auth.guard.js';
import type { Principal, Scope } from '../../auth/principal.js';
import type { JsonObject } from '../../operations/json.js';
import { OpstreamError, toOpstreamError } from '../../platform/errors/opstream-error.js';
import type { Subscription } from '../delivery/subscription.js';
import type { WireFormat } from '../delivery/wire-format.js';
import type { Connection } from '../socket/connection.js';
import type { HubCommand, Reply } from './hub-commands.js';
import type { HubServices } from './hub-services.js';

/** Subscriptions of one connection. */
const MAX_SUBSCRIPTIONS = 1000;
/** Appends under way for one connection; above it the next command waits for them. */
const MAX_IN_FLIGHT = 10_000;

/** How the protocol of the connection words what comes without being asked for. */
export interface SessionProtocol {
  readonly format: WireFormat;
  /** Sent when the log of a subscription cannot be read any more. */
  readonly subscriptionFailed: (thrown: unknown, operationId: string | null) => string;
}

/**
 * What one connection follows and the order of its commands, for every protocol that offers the hub's commands: the
 * hub itself and agents.
 */
export class CommandSession {
  private inFlight = 0;
  private overLimit = false;
  private settled: (() => void)[] = [];
  /** Null: covered by the firehose for the time being. */
  private readonly subscriptions = new Map<string, Subscription | null>();
  private firehose: Subscription | undefined;
  /** Commands that were waiting when the connection closed must not subscribe any more: nobody would end it. */
  private closed = false;

  constructor(
    readonly connection: Connection,
    readonly services: HubServices,
    private readonly protocol: SessionProtocol,
  ) {}

  get tenant(): string {
    return this.connection.principal.tenant;
  }

  /** So many appends are under way that the next command should wait for the last one's answer. */
  get crowded(): boolean {
    return this.inFlight > MAX_IN_FLIGHT;
  }

  /**
   * Carries out one command. An append may be followed by the next command at once: appends are committed and answered
   * in the order they are submitted. Everything else sees what was appended before it, and must have ended before the
   * next command starts.
   * @returns a promise unless the command is done
   * @throws OpstreamError at once or by rejection: what the client is answered
   */
  perform(definition: HubCommand, input: JsonObject, reply: Reply): Promise<void> | void {
    this.count();
    if (definition.scope !== null) this.permit(definition.scope);
    if (definition.append) return this.track(definition.run(this, input, reply));
    if (this.inFlight > 0) return this.appendsSettled().then(() => definition.run(this, input, reply));
    return definition.run(this, input, reply);
  }

  /** Counts one message against the user's limit. @throws OpstreamError `too_many_requests` */
  count(): void {
    const { principal, address } = this.connection;
    try {
      this.services.limits.takeMessage(principal, address);
      this.overLimit = false;
    } catch (thrown) {
      // One line for a row of refused messages: a flood of them must not become a flood of lines.
      if (!this.overLimit)
        this.services.audit.commandRefused(address, toOpstreamError(thrown), { principal });
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
      this.services.audit.commandRefused(address, toOpstreamError(thrown), { principal });
      throw thrown;
    }
  }

  /**
   * Goes on with a newer token of the same user, or of anyone in the tenant where nobody has shown one yet.
   * @throws OpstreamError `unauthorized`, `forbidden` for another user's or tenant's token
   */
  async authenticate(token: string): Promise<Principal> {
    const { principal: current, address } = this.connection;
    const { authenticator, audit } = this.services;
    try {
      const principal = await authenticator.verify(token, address);
      if (
        principal.tenant !== current.tenant ||
        (current.authenticated && principal.userId !== current.userId)
      ) {
        throw new OpstreamError('forbidden', "This connection is another user's");
      }
      this.connection.refresh(principal);
      if (!principal.scopes.has('operations:read')) this.stopFollowing();
      return principal;
    } catch (thrown) {
      audit.commandRefused(address, toOpstreamError(thrown), { principal: current });
      throw thrown;
    }
  }

  /** @throws OpstreamError `too_many_subscriptions` */
  subscribe(operationId: string, after: number | undefined, coalesce: boolean): void {
    if (this.closed) return;
    const existing = this.subscriptions.get(operationId);
    if (existing === undefined && this.subscriptions.size >= MAX_SUBSCRIPTIONS) {
      throw new OpstreamError(
        'too_many_subscriptions',
        `A connection may have ${MAX_SUBSCRIPTIONS} subscriptions`,
      );
    }
    // Repeating a subscription without asking for history changes nothing.
    if (existing && after === undefined) return;
    if (existing) this.services.subscriptions.unsubscribe(existing);
    // Who follows everything gets each event once: the subscription waits until that ends.
    const covered = this.firehose !== undefined && after === undefined;
    this.subscriptions.set(operationId, covered ? null : this.follow(operationId, after, coalesce));
  }

  unsubscribe(operationId: string): void {
    const subscription = this.subscriptions.get(operationId);
    if (subscription) this.services.subscriptions.unsubscribe(subscription);
    this.subscriptions.delete(operationId);
  }

  subscribeAll(after: number | undefined, coalesce: boolean): void {
    if (this.closed) return;
    this.stopFirehose();
    for (const [operationId, subscription] of this.subscriptions) {
      if (subscription) this.services.subscriptions.unsubscribe(subscription);
      this.subscriptions.set(operationId, null);
    }
    this.firehose = this.follow(null, after, coalesce);
  }

  /** Subscriptions to single operations go on from now. */
  unsubscribeAll(): void {
    this.stopFirehose();
    for (const [operationId, subscription] of this.subscriptions) {
      if (subscription === null)
        this.subscriptions.set(operationId, this.follow(operationId, undefined, false));
    }
  }

  /** The connection has closed. */
  close(): void {
    this.closed = true;
    this.stopFollowing();
  }

  /** Ends every subscription. */
  private stopFollowing(): void {
    this.stopFirehose();
    for (const subscription of this.subscriptions.values()) {
      if (subscription) this.services.subscriptions.unsubscribe(subscription);
    }
    this.subscriptions.clear();
  }

  private follow(operationId: string | null, after: number | undefined, coalesce: boolean): Subscription {
    return this.services.subscriptions.subscribe({
      topic: { tenant: this.tenant, operationId },
      format: this.protocol.format,
      sink: this.connection,
      after,
      coalesce,
      onError: (thrown) => this.connection.send(this.protocol.subscriptionFailed(thrown, operationId)),
    });
  }

  private stopFirehose(): void {
    if (this.firehose) this.services.subscriptions.unsubscribe(this.firehose);
    this.firehose = undefined;
  }

  private async track(append: Promise<void> | void): Promise<void> {
    this.inFlight += 1;
    try {
      await append;
    } finally {
      this.inFlight -= 1;
      if (this.inFlight === 0) for (const resolve of this.settled.splice(0)) resolve();
    }
  }

  /** Resolves when no append of this connection is under way. */
  appendsSettled(): Promise<void> {
    return this.inFlight === 0 ? Promise.resolve() : new Promise((resolve) => this.settled.push(resolve));
  }
}
