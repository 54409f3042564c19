import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import type { SessionKey } from './session.js';
import { SessionStore } from './session-store.js';

/** Connections that come or go within this time are written down together. */
const SETTLE_MS = 50;

interface Present {
  readonly session: SessionKey;
  /** Connections of each agent. */
  readonly agents: Map<string, number>;
  participants: number;
  lastActivity: string | null;
  lastDisconnect: string | null;
  timer: NodeJS.Timeout | undefined;
}

/** Who is connected to which session on this node; the session's metadata tells it. */
@Injectable()
export class SessionPresence implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Sessions');
  private readonly sessions = new Map<string, Present>();
  private closed = false;

  constructor(private readonly store: SessionStore) {}

  beforeApplicationShutdown(): void {
    this.closed = true;
    for (const { timer } of this.sessions.values()) clearTimeout(timer);
  }

  /** @returns to be called when the connection ends */
  enter(session: SessionKey, agentId: string): () => void {
    const key = JSON.stringify([session.tenant, session.sessionId]);
    let present = this.sessions.get(key);
    if (!present) {
      const { tenant, sessionId } = session;
      present = {
        session: { tenant, sessionId },
        agents: new Map(),
        participants: 0,
        lastActivity: null,
        lastDisconnect: null,
        timer: undefined,
      };
      this.sessions.set(key, present);
    }
    const entered = present;
    entered.agents.set(agentId, (entered.agents.get(agentId) ?? 0) + 1);
    entered.participants += 1;
    entered.lastActivity = new Date().toISOString();
    this.settle(key, entered);
    return () => {
      const left = (entered.agents.get(agentId) ?? 1) - 1;
      if (left === 0) entered.agents.delete(agentId);
      else entered.agents.set(agentId, left);
      entered.participants -= 1;
      entered.lastActivity = entered.lastDisconnect = new Date().toISOString();
      this.settle(key, entered);
    };
  }

  /** The agents that are connected, each with its number of connections. */
  agents({ tenant, sessionId }: SessionKey): ReadonlyMap<string, number> {
    return this.sessions.get(JSON.stringify([tenant, sessionId]))?.agents ?? new Map<string, number>();
  }

  /** Connections of all sessions. */
  get count(): number {
    let sum = 0;
    for (const { participants } of this.sessions.values()) sum += participants;
    return sum;
  }

  private settle(key: string, present: Present): void {
    if (this.closed) return;
    present.timer ??= setTimeout(() => {
      present.timer = undefined;
      if (present.participants === 0) this.sessions.delete(key);
      const { session, participants, lastActivity, lastDisconnect } = present;
      this.store
        .setPresence(session.tenant, session.sessionId, { participants, lastActivity, lastDisconnect })
        .catch((error: unknown) =>
          this.logger.debug({ event: 'presence_not_stored', session: session.sessionId, error }),
        );
    }, SETTLE_MS).unref();
  }
}
