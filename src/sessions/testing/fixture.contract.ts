import type { NewMessage, SessionMessage } from '../session.js';
import type { SessionRetention, SessionStore } from '../session-store.js';
import type { Viewer } from '../viewer.js';

export interface SessionStoreFixture {
  /** Opens the store; what was stored before is there when it is durable. */
  readonly open: (retention: SessionRetention) => Promise<SessionStore>;
  readonly cleanUp: () => Promise<void>;
}

export const RETENTION: SessionRetention = { maxSessions: 5, maxMessages: 2000, messageMaxAge: 100 };
export const TENANT = 'default';
export const ALICE = { id: 'alice', owner: 'anonymous' };
export const BOB = { id: 'bob', owner: 'anonymous' };
export const viewerOf = (agent: Viewer['agent'], seesAll = false): Viewer => ({
  agent,
  seesAll,
  open: false,
});
export const ADMIN = viewerOf({ id: 'root', owner: 'root' }, true);
export const PAGE = { limit: 1000, maxBytes: 1024 * 1024 };

export function message(fields: Partial<NewMessage> = {}): NewMessage {
  return {
    tenant: TENANT,
    sessionId: 's',
    sender: ALICE,
    senderType: 'claude',
    content: 'hello',
    visibility: 'public',
    messageType: 'agent_response',
    metadata: null,
    parentId: null,
    messageKey: null,
    ...fields,
  };
}

export function contents(messages: readonly SessionMessage[]): string[] {
  return messages.map(({ content }) => content);
}
