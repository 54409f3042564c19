import { OpstreamError } from '../platform/errors/opstream-error.js';
import { NOBODY, SessionMessage, type NewMessage, type NewSession, type Session } from './session.js';

/** What a session is when it begins. */
export function newSession(draft: NewSession, at: number): Session {
  return {
    ...draft,
    createdAt: at,
    updatedAt: at,
    closedAt: null,
    presence: NOBODY,
    lastSeq: 0,
    firstSeq: 1,
  };
}

/** What a store knows of a session when a message is added to it. */
export interface SessionState {
  readonly lastSeq: number;
  readonly createdAt: number;
  readonly closedAt: number | null;
  /** Of its newest message that is kept. */
  readonly newestAt: number | undefined;
}

/**
 * What a new message becomes, or why it is refused. Whether it is a repeated one, and whether its parent exists, was
 * asked before.
 */
export function decideMessage(
  state: SessionState,
  { messageKey: _messageKey, ...message }: NewMessage,
  id: number,
  at: number,
): SessionMessage | OpstreamError {
  if (state.closedAt !== null) {
    return new OpstreamError('session_closed', `Session '${message.sessionId.slice(0, 100)}' is closed`);
  }
  return new SessionMessage({
    ...message,
    id,
    seq: state.lastSeq + 1,
    // Clocks may step back; the order of a session's times may not.
    timestamp: Math.max(at, state.newestAt ?? state.createdAt),
  });
}

/** When a session was last changed, as everyone may know it: when something hidden was added, nobody may. */
export function updatedBy({ visibility, timestamp }: SessionMessage, updatedAt: number): number {
  return visibility === 'public' ? Math.max(timestamp, updatedAt) : updatedAt;
}
