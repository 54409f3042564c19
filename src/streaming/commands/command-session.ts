import type { Principal, Scope } from '../../auth/principal.js';
import type { JsonObject, JsonValue } from '../../platform/json.js';
import { OpstreamError, toOpstreamError } from '../../platform/errors/opstream-error.js';
import type { Connection } from '../socket/connection.js';
import { MessageLimits } from '../socket/message-limits.js';
import { ConnectionSubscriptions, type SessionProtocol } from './connection-subscriptions.js';
import type { HubCommandName, HubCommandOf, RequestId } from '../../client/protocol/hub-commands.js';
import type { CommandDependencies } from './command-dependencies.js';

/** Maximum pending appends per connection; above it the next command waits for them. */
const MAX_IN_FLIGHT = 10_000;

/** The members of a message as they came, before anything is checked. */
export type Unchecked<Message> = { readonly [Member in keyof Message]?: JsonValue };

export type HubCommandDefinition<Name extends HubCommandName> = CommandDefinition<
  Unchecked<HubCommandOf<Name>>
>;

export interface CommandDefinition<Input = JsonObject> {
  /** Null: any connected client may use it. */
  readonly scope: Scope | null;
  /** An append: pipelined, and acknowledged in order once it is durable. */
  readonly append?: boolean;
  /** Ends something: counted, but never refused for being one message too many. */
  readonly ends?: boolean;
  /** @throws OpstreamError the answer to the client */
  run(session: CommandSession, input: Input, reply: Reply): Promise<void> | void;
}

/** Receives the answer of one command; used once, unless the command throws. */
export interface Reply {
  readonly requestId: RequestId | undefined;
  /** @param text the answer as JSON */
  readonly send: (text: string) => void;
}

/**
 * One connection that issues hub commands, in either protocol that offers them (hub or agents): authorizes commands
 * and defines their order.
 */
export class CommandSession {
  private inFlight = 0;
  private settled: (() => void)[] = [];
  readonly following: ConnectionSubscriptions;
  readonly gate: MessageLimits;

  constructor(
    readonly connection: Connection,
    readonly dependencies: CommandDependencies,
    protocol: SessionProtocol,
  ) {
    this.gate = new MessageLimits(connection, dependencies.limits, dependencies.audit);
    this.following = new ConnectionSubscriptions(connection, dependencies.subscriptions, protocol);
  }

  get tenant(): string {
    return this.connection.principal.tenant;
  }

  /** So many appends are pending that the next command should wait for the last one's answer. */
  get crowded(): boolean {
    return this.inFlight > MAX_IN_FLIGHT;
  }

  /**
   * Executes one command. The next command may follow an append immediately: appends are committed and answered in the
   * order of submission. Any other command sees what was appended before it, and must finish before the next one
   * starts.
   * @returns a promise unless the command is done
   * @throws OpstreamError the answer to the client, synchronously or by rejection
   */
  perform(definition: CommandDefinition, input: JsonObject, reply: Reply): Promise<void> | void {
    this.gate.count(definition.ends);
    if (definition.scope !== null) this.gate.permit(definition.scope);
    if (definition.append) return this.track(definition.run(this, input, reply));
    if (this.inFlight > 0) return this.appendsSettled().then(() => definition.run(this, input, reply));
    return definition.run(this, input, reply);
  }

  /**
   * Switches to a newer token of the same user, or, if no token was presented yet, of any user of the tenant.
   * @throws OpstreamError `unauthorized`, `forbidden` for a token of another user or tenant
   */
  async authenticate(token: string): Promise<Principal> {
    const { principal: current, address } = this.connection;
    const { authenticator, audit } = this.dependencies;
    try {
      const principal = await authenticator.verify(token, address);
      if (
        principal.tenant !== current.tenant ||
        (current.authenticated && principal.userId !== current.userId)
      ) {
        throw new OpstreamError('forbidden', 'This connection belongs to another user');
      }
      this.connection.refresh(principal);
      this.following.keepOnly(principal.scopes);
      return principal;
    } catch (thrown) {
      audit.commandRefused(address, toOpstreamError(thrown), { principal: current });
      throw thrown;
    }
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

  /** Resolves when no append of this connection is pending. */
  appendsSettled(): Promise<void> {
    return this.inFlight === 0 ? Promise.resolve() : new Promise((resolve) => this.settled.push(resolve));
  }
}
