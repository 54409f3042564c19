import type { Scope } from '../../auth/principal.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { Subscription } from '../delivery/subscription.js';
import type { Subscriptions } from '../delivery/subscriptions.js';
import type { HistoryLost, WireFormat } from '../delivery/wire-format.js';
import type { Connection } from '../socket/connection.js';

/** Maximum subscriptions per connection. */
const MAX_SUBSCRIPTIONS = 1000;

/** How the connection's protocol phrases unsolicited messages. */
export interface SessionProtocol {
  readonly format: WireFormat;
  /** Sent when the log of a subscription can no longer be read. */
  readonly subscriptionFailed: (thrown: unknown, operationId: string | null) => string;
}

/** A subscription to something other than an operation. */
export interface OtherSubscription {
  /** What its reader needs. */
  readonly scope: Scope;
  readonly end: () => void;
}

/** What one connection follows: single operations, or everything. With both, it gets each event once. */
export class ConnectionSubscriptions {
  /** Null: currently covered by the firehose. */
  private readonly subscriptions = new Map<string, Subscription | null>();
  private firehose: Subscription | undefined;
  /** What else is followed, by keys of their own. */
  private readonly others = new Map<string, OtherSubscription>();
  private closed = false;

  constructor(
    private readonly connection: Connection,
    private readonly delivery: Subscriptions,
    private readonly protocol: SessionProtocol,
  ) {}

  /** @throws OpstreamError `too_many_subscriptions` */
  subscribe(operationId: string, after: number | undefined, coalesce: boolean): void {
    if (this.closed) return;
    const existing = this.subscriptions.get(operationId);
    if (existing === undefined) this.checkRoom();
    // Repeating a subscription without asking for history changes nothing.
    if (existing && after === undefined) return;
    if (existing) this.delivery.unsubscribe(existing);
    // The firehose covers it, so that each event arrives once; the subscription resumes when the firehose ends.
    const covered = this.firehose !== undefined && after === undefined;
    this.subscriptions.set(operationId, covered ? null : this.follow(operationId, after, coalesce));
  }

  unsubscribe(operationId: string): void {
    const subscription = this.subscriptions.get(operationId);
    if (subscription) this.delivery.unsubscribe(subscription);
    this.subscriptions.delete(operationId);
  }

  subscribeAll(after: number | undefined, coalesce: boolean): void {
    if (this.closed) return;
    this.stopFirehose();
    for (const [operationId, subscription] of this.subscriptions) {
      if (subscription) this.delivery.unsubscribe(subscription);
      this.subscriptions.set(operationId, null);
    }
    this.firehose = this.follow(null, after, coalesce);
  }

  /** Ends what is followed under this key. @throws OpstreamError `too_many_subscriptions` when nothing was */
  makeRoom(key: string): void {
    if (this.others.has(key)) this.endOther(key);
    else this.checkRoom();
  }

  /** Follows something other than an operation until `end` is called, which happens at once if the connection has closed. */
  addOther(key: string, other: OtherSubscription): void {
    if (this.closed) return other.end();
    this.endOther(key);
    this.others.set(key, other);
  }

  /** Ends what may not be followed any more. */
  keepOnly(scopes: ReadonlySet<Scope>): void {
    if (!scopes.has('operations:read')) this.stopOperations();
    for (const [key, { scope }] of this.others) if (!scopes.has(scope)) this.endOther(key);
  }

  endOther(key: string): void {
    const other = this.others.get(key);
    this.others.delete(key);
    other?.end();
  }

  /** Notifies the client that it has events which are not in the log it follows now. */
  tellLost(notice: HistoryLost): void {
    this.connection.write(this.protocol.format.lost(notice));
  }

  /** Subscriptions to single operations resume from now. */
  unsubscribeAll(): void {
    this.stopFirehose();
    for (const [operationId, subscription] of this.subscriptions) {
      if (subscription === null)
        this.subscriptions.set(operationId, this.follow(operationId, undefined, false));
    }
  }

  /** After the connection has closed, pending commands must not subscribe: nothing would end the subscription. */
  close(): void {
    this.closed = true;
    this.stop();
  }

  /** Ends every subscription. */
  stop(): void {
    this.stopOperations();
    for (const key of this.others.keys()) this.endOther(key);
  }

  private stopOperations(): void {
    this.stopFirehose();
    for (const subscription of this.subscriptions.values()) {
      if (subscription) this.delivery.unsubscribe(subscription);
    }
    this.subscriptions.clear();
  }

  private checkRoom(): void {
    if (this.subscriptions.size + this.others.size < MAX_SUBSCRIPTIONS) return;
    throw new OpstreamError(
      'too_many_subscriptions',
      `A connection may have ${MAX_SUBSCRIPTIONS} subscriptions`,
    );
  }

  private follow(operationId: string | null, after: number | undefined, coalesce: boolean): Subscription {
    return this.delivery.subscribe({
      topic: { tenant: this.connection.principal.tenant, operationId },
      format: this.protocol.format,
      sink: this.connection,
      after,
      coalesce,
      onError: (thrown) => this.connection.send(this.protocol.subscriptionFailed(thrown, operationId)),
    });
  }

  private stopFirehose(): void {
    if (this.firehose) this.delivery.unsubscribe(this.firehose);
    this.firehose = undefined;
  }
}
