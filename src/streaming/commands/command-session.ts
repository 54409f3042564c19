import type { Principal, Scope } from '../../auth/principal.js';
import type { JsonObject } from '../../platform/json.js';
import { OpstreamError, toOpstreamError } from '../../platform/errors/opstream-error.js';
import type { Connection } from '../socket/connection.js';
import { MessageLimits } from '../socket/message-limits.js';
import { ConnectionSubscriptions, type SessionProtocol } from './connection-subscriptions.js';
import type { RequestId } from './answer.js';
import type { CommandDependencies } from './command-dependencies.js';

/** Appends under way for one connection; above it the next command waits for them. */
const MAX_IN_FLIGHT = 10_000;

export interface HubCommand {
  /** Null: whoever has a connection may. */
  readonly scope: Scope | null;
  /** Records something: pipelined, acknowledged in order once it is durable. */
  readonly append?: boolean;
  /** Ends something: counted, but never refused for being one message too many. */
  readonly ends?: boolean;
  /** @throws OpstreamError what the client is answered */
  run(session: CommandSession, input: JsonObject, reply: Reply): Promise<void> | void;
}

/** Where the answer of one command goes; used once, unless the command throws. */
export interface Reply {
  readonly requestId: RequestId;
  /** @param text the answer as JSON */
  readonly send: (text: string) => void;
}

/**
 * One connection that gives the hub's commands, in whichever protocol offers them (the hub's own, agents'): who may
 * give which, and the order in which they are carried out.
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
    this.gate.count(definition.ends);
    if (definition.scope !== null) this.gate.permit(definition.scope);
    if (definition.append) return this.track(definition.run(this, input, reply));
    if (this.inFlight > 0) return this.appendsSettled().then(() => definition.run(this, input, reply));
    return definition.run(this, input, reply);
  }

  /**
   * Goes on with a newer token of the same user, or of anyone in the tenant where nobody has shown one yet.
   * @throws OpstreamError `unauthorized`, `forbidden` for another user's or tenant's token
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
        throw new OpstreamError('forbidden', "This connection is another user's");
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

  /** Resolves when no append of this connection is under way. */
  appendsSettled(): Promise<void> {
    return this.inFlight === 0 ? Promise.resolve() : new Promise((resolve) => this.settled.push(resolve));
  }
}
