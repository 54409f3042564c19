import { ANONYMOUS } from '../auth/principal.js';
import type { AgentIdentity, SessionMessage, Visibility } from './session.js';

/** Who looks at a session, as far as it decides what there is to see. */
export interface Viewer {
  readonly agent: AgentIdentity;
  /** Sees every message: an admin, or anyone where `SESSION_VISIBILITY=open`. */
  readonly seesAll: boolean;
  /** `SESSION_VISIBILITY=open`: sees what happens to everyone's memory, too. */
  readonly open: boolean;
}

/** What decides who sees something. `own`: its agent alone, which is how memory belongs. */
export interface Restricted {
  readonly visibility: Visibility | 'own';
  readonly sender: AgentIdentity;
}

export function canSee(viewer: Viewer, { visibility, sender }: Restricted): boolean {
  if (viewer.open || visibility === 'public') return true;
  if (visibility === 'own') return isSame(viewer.agent, sender);
  return viewer.seesAll || (visibility !== 'admin_only' && isSame(viewer.agent, sender));
}

/**
 * Whether a viewer is the sender. What an anonymous caller's agent wrote belongs to its name; what a user's agent wrote
 * is that user's alone, so that nobody reads it by having a token made for the name.
 */
function isSame(viewer: AgentIdentity, sender: AgentIdentity): boolean {
  return viewer.id === sender.id && (sender.owner === viewer.owner || sender.owner === ANONYMOUS);
}

/** Viewers of one class see the same: they share a broadcaster and the pages they read. */
export function viewerClass({ agent, seesAll, open }: Viewer): string {
  return open ? '*' : JSON.stringify([agent.id, agent.owner, seesAll]);
}

/** The messages of a page that a viewer sees. */
export function visibleTo(viewer: Viewer, messages: readonly SessionMessage[]): readonly SessionMessage[] {
  return viewer.seesAll ? messages : messages.filter((message) => canSee(viewer, message));
}
