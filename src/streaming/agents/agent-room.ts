import type { AgentId } from '../../client/protocol/agent-messages.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { HIGH_WATER_BYTES } from '../delivery/sink.js';
import type { Connection } from '../socket/connection.js';
import { textFrame } from '../socket/text-frame.js';
import { message } from './agent-answer.js';

/** Maximum agents with a status, per tenant. */
const MAX_AGENTS = 10_000;

interface Agent {
  readonly status: string;
  /** The latest update, shared by every connection it goes to. */
  readonly frame: Buffer;
  readonly reporter: Connection;
}

/**
 * The connections of one tenant and the agents they report on. A slow connection gets only the latest update of each
 * agent, not a queue.
 */
export class AgentRoom {
  /** Each connection with the agents whose latest status it has not been sent. */
  private readonly members = new Map<Connection, Set<AgentId>>();
  private readonly agents = new Map<AgentId, Agent>();

  get size(): number {
    return this.members.size;
  }

  enter(connection: Connection): void {
    this.members.set(connection, new Set());
  }

  /** When its reporter disconnects, an agent has no status any more. */
  leave(connection: Connection): void {
    this.members.delete(connection);
    for (const [agentId, { reporter }] of this.agents)
      if (reporter === connection) this.agents.delete(agentId);
  }

  /**
   * Reports a status to everyone, including the reporter.
   * @returns how many connections it was sent to immediately
   * @throws OpstreamError `overloaded` when too many agents have a status
   */
  report(reporter: Connection, agentId: AgentId, status: string): number {
    if (!this.agents.has(agentId) && this.agents.size >= MAX_AGENTS) {
      throw new OpstreamError('overloaded', `There are ${MAX_AGENTS} agents already`);
    }
    const frame = textFrame(message('agent_status_update', { agentId, status }));
    this.agents.set(agentId, { status, frame, reporter });
    let sent = 0;
    for (const [connection, owed] of this.members) {
      if (owed.size === 0 && connection.bufferedBytes <= HIGH_WATER_BYTES) {
        connection.write(frame);
        sent += 1;
      } else {
        if (owed.size === 0) connection.onceDrained(() => this.settle(connection));
        owed.add(agentId);
      }
    }
    return sent;
  }

  /** Sends a custom message to every open connection that reads. @returns how many it was sent to */
  broadcast(text: string, except?: Connection): number {
    const frame = textFrame(text);
    let sent = 0;
    for (const connection of this.members.keys()) {
      if (connection === except || !connection.open || connection.bufferedBytes > HIGH_WATER_BYTES) continue;
      connection.write(frame);
      sent += 1;
    }
    return sent;
  }

  /** Every agent's status. */
  *statuses(): Generator<string> {
    for (const { status } of this.agents.values()) yield status;
  }

  private settle(connection: Connection): void {
    const owed = this.members.get(connection);
    if (owed === undefined) return;
    for (const agentId of owed) {
      if (connection.bufferedBytes > HIGH_WATER_BYTES) {
        connection.onceDrained(() => this.settle(connection));
        return;
      }
      owed.delete(agentId);
      const agent = this.agents.get(agentId);
      if (agent) connection.write(agent.frame);
    }
  }
}
