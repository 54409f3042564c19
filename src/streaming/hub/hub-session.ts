import { requireScope } from '../../auth/auth.guard.js';
import { isJsonObject, type JsonObject } from '../../operations/json.js';
import { OpstreamError, toOpstreamError } from '../../platform/errors/opstream-error.js';
import type { Subscription } from '../delivery/subscription.js';
import type { Connection } from '../socket/connection.js';
import { badFrame, errorAnswer, type RequestId } from './hub-answer.js';
import { HUB_COMMANDS, type HubCommand } from './hub-commands.js';
import { hubFormatFor } from './hub-format.js';
import type { HubServices } from './hub-services.js';

/** Subscriptions of one connection. */
const MAX_SUBSCRIPTIONS = 1000;
/** Frames read from the socket that wait for an earlier command; above it the socket is not read. */
const MAX_INBOX = 1000;
/** Appends under way for one connection; above it the next command waits for them. */
const MAX_IN_FLIGHT = 10_000;

/** One client of the hub: carries out its commands in order and answers them in order. */
export class HubSession {
  private readonly inbox: Buffer[] = [];
  private working = false;
  private inFlight = 0;
  private settled: (() => void)[] = [];
  private readonly subscriptions = new Map<string, Subscription | null>();
  private firehose: Subscription | undefined;
  private autoMonitor: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    readonly connection: Connection,
    readonly services: HubServices,
  ) {}

  get tenant(): string {
    return this.connection.principal.tenant;
  }

  /** A client that stays silent this long follows everything until its first command (C3); 0 turns it off. */
  startAutoMonitor(afterMs: number): void {
    if (afterMs === 0) return;
    this.autoMonitor = setTimeout(() => {
      if (this.closed || !this.connection.principal.scopes.has('operations:read')) return;
      this.firehose = this.follow(null, undefined, false);
    }, afterMs).unref();
  }

  receive(frame: Buffer): void {
    if (this.autoMonitor !== undefined) this.endAutoMonitor();
    this.inbox.push(frame);
    if (!this.working) void this.work();
    else if (this.inbox.length > MAX_INBOX) this.connection.ws.pause();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.autoMonitor);
    this.inbox.length = 0;
    for (const subscription of this.subscriptions.values()) {
      if (subscription) this.services.subscriptions.unsubscribe(subscription);
    }
    this.subscriptions.clear();
    this.stopFirehose();
  }

  /** @throws OpstreamError `too_many_subscriptions` */
  subscribe(operationId: string, after: number | undefined, coalesce: boolean): void {
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

  private follow(operationId: string | null, after: number | undefined, coalesce: boolean): Subscription {
    return this.services.subscriptions.subscribe({
      topic: { tenant: this.tenant, operationId },
      format: hubFormatFor(this.connection),
      sink: this.connection,
      after,
      coalesce,
      onError: (thrown) =>
        this.connection.send(errorAnswer(undefined, toOpstreamError(thrown), operationId ?? undefined)),
    });
  }

  private stopFirehose(): void {
    if (this.firehose) this.services.subscriptions.unsubscribe(this.firehose);
    this.firehose = undefined;
  }

  private endAutoMonitor(): void {
    clearTimeout(this.autoMonitor);
    this.autoMonitor = undefined;
    this.stopFirehose();
  }

  private async work(): Promise<void> {
    this.working = true;
    let next = 0;
    while (next < this.inbox.length && !this.closed) {
      const frame = this.inbox[next++]!;
      if (next > MAX_INBOX) {
        this.inbox.splice(0, next);
        next = 0;
      }
      const waiting = this.execute(frame);
      if (waiting) await waiting;
    }
    this.inbox.length = 0;
    this.working = false;
    if (this.connection.ws.isPaused && this.connection.bufferedBytes === 0) this.connection.ws.resume();
  }

  /** @returns a promise only when the next command has to wait for this one */
  private execute(frame: Buffer): Promise<void> | undefined {
    const command = this.parse(frame);
    if (command === undefined) return undefined;
    const { requestId, input, definition } = command;
    try {
      requireScope(this.connection.principal, definition.scope);
    } catch (thrown) {
      this.connection.send(errorAnswer(requestId, toOpstreamError(thrown)));
      return undefined;
    }
    if (definition.append) {
      // Appends are committed in the order they are submitted, so their answers come in order without waiting.
      this.track(this.run(definition, input, requestId));
      return this.inFlight > MAX_IN_FLIGHT ? this.appendsSettled() : undefined;
    }
    // Everything else sees what was appended before it.
    if (this.inFlight > 0) return this.appendsSettled().then(() => this.run(definition, input, requestId));
    return this.run(definition, input, requestId);
  }

  private async run(definition: HubCommand, input: JsonObject, requestId: RequestId): Promise<void> {
    try {
      await definition.run(this, input, requestId);
    } catch (thrown) {
      const error = toOpstreamError(thrown);
      if (error.code === 'internal') this.services.reportFailure(thrown);
      const { operation_id: id } = input;
      this.connection.send(
        errorAnswer(requestId, error, typeof id === 'string' ? id.slice(0, 200) : undefined),
      );
    }
  }

  private parse(
    frame: Buffer,
  ): { definition: HubCommand; input: JsonObject; requestId: RequestId } | undefined {
    let input: unknown;
    try {
      input = JSON.parse(frame.toString());
    } catch {
      this.connection.send(badFrame('Invalid JSON'));
      return undefined;
    }
    if (!isJsonObject(input)) {
      this.connection.send(badFrame('A command must be a JSON object'));
      return undefined;
    }
    const requestId = requestIdOf(input);
    const name = input.command ?? 'None';
    const definition = typeof name === 'string' ? HUB_COMMANDS.get(name) : undefined;
    if (definition === undefined) {
      const shown = (typeof name === 'string' ? name : JSON.stringify(name)).slice(0, 100);
      this.connection.send(badFrame(`Unknown command: ${shown}`, requestId));
      return undefined;
    }
    return { definition, input, requestId };
  }

  private track(append: Promise<void>): void {
    this.inFlight += 1;
    void append.then(() => {
      this.inFlight -= 1;
      if (this.inFlight === 0) for (const resolve of this.settled.splice(0)) resolve();
    });
  }

  private appendsSettled(): Promise<void> {
    return this.inFlight === 0 ? Promise.resolve() : new Promise((resolve) => this.settled.push(resolve));
  }
}

function requestIdOf({ request_id: id }: JsonObject): RequestId {
  return (typeof id === 'string' && id.length <= 200) || typeof id === 'number' ? id : undefined;
}
