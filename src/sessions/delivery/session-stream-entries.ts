import type { DeliveredEntry } from '../../streams/stream-topic.js';
import { messageText } from '../session-json.js';
import type { Session, SessionMessage } from '../session.js';
import { encodeSessionOffset } from './session-offset.js';

const newestEntries = new WeakMap<SessionMessage, DeliveredEntry>();
const earlierEntries = new WeakMap<SessionMessage, DeliveredEntry>();

/** One entry for all classes of viewers, so that its frames are made once. */
export function entryOf({ createdAt }: Session, message: SessionMessage, isNewest: boolean): DeliveredEntry {
  const known = isNewest ? newestEntries : earlierEntries;
  const entry = known.get(message);
  if (entry) return entry;
  const { seq, timestamp } = message;
  const made = {
    seq,
    start: seq - 1,
    length: 1,
    data: Buffer.from(messageText(message)),
    closes: false,
    isNewest,
    nextOffset: encodeSessionOffset({ createdAt, seq, timestamp }),
  };
  known.set(message, made);
  return made;
}

/** The end of a session is no message: its offset is that of the newest one that the viewer sees. */
export function endOf({ createdAt, lastSeq }: Session, newest: SessionMessage | undefined): DeliveredEntry {
  const { seq, timestamp } = newest ?? { seq: 0, timestamp: 0 };
  return {
    seq: lastSeq + 1,
    start: seq,
    length: 0,
    data: Buffer.alloc(0),
    closes: true,
    isNewest: true,
    nextOffset: encodeSessionOffset({ createdAt, seq, timestamp }),
  };
}
