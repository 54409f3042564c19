import { OpstreamError } from '../platform/errors/opstream-error.js';
import type { NewMessage } from './session.js';

/** What every store refuses, in the same words. */

/** Long ids are shown in part. */
const shown = (id: string): string => id.slice(0, 300);

export function sessionNotFound(sessionId: string): OpstreamError {
  return new OpstreamError('session_not_found', `Session '${shown(sessionId)}' not found`, {
    resource_type: 'session',
    resource_id: shown(sessionId),
  });
}

export function sessionExists(sessionId: string): OpstreamError {
  return new OpstreamError('session_exists', `Session '${shown(sessionId)}' already exists`);
}

export function tooManySessions(limit: number): OpstreamError {
  return new OpstreamError(
    'too_many_sessions',
    `There are ${limit} sessions; close one, and it makes room for the next`,
  );
}

/** A parent that the sender may see is checked by the service; here, that there is one at all. */
export function refuseMessage(
  { parentId }: NewMessage,
  exists: (id: number) => boolean,
): OpstreamError | undefined {
  return parentId === null || exists(parentId) ? undefined : parentNotFound(parentId);
}

export function parentNotFound(parentId: number): OpstreamError {
  return new OpstreamError('parent_not_found', `Parent message ${parentId} not found`, {
    field: 'parent_message_id',
    resource_type: 'message',
    resource_id: String(parentId),
  });
}
