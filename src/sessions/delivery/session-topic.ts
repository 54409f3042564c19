import type { Topic } from '../../streaming/delivery/topic.js';
import type { SessionKey, SessionMessage } from '../session.js';
import { viewerClass, type Viewer } from '../viewer.js';

/** A session as one class of viewers sees it. */
export interface SessionTopic extends Topic<SessionMessage> {
  readonly viewer: Viewer;
}

export function sessionTopic({ tenant, sessionId }: SessionKey, viewer: Viewer): SessionTopic {
  return {
    tenant,
    id: sessionId,
    key: topicKey({ tenant, sessionId }, viewerClass(viewer)),
    viewer,
    contiguous: true,
    cursorOf: (message) => message.seq,
    isFinal: () => false,
  };
}

/** Session ids are any text. */
export function topicKey({ tenant, sessionId }: SessionKey, viewers: string): string {
  return JSON.stringify([tenant, sessionId, viewers]);
}
