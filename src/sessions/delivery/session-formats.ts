import type { AnnouncementsSkipped, SessionHistoryTrimmed } from '../../client/protocol/session-messages.js';
import { singleLine } from '../../platform/single-line.js';
import type { HistoryTrimmed } from '../../streaming/delivery/wire-format.js';
import { WireFormat } from '../../streaming/delivery/wire-format.js';
import type { Connection } from '../../streaming/socket/connection.js';
import { deflatedTextFrame, textFrame } from '../../streaming/socket/text-frame.js';
import { messageText, newMessage, sessionUpdate } from '../session-json.js';
import type { SessionMessage } from '../session.js';
import type { AnnouncementEntry } from './announcement-log.js';

type ToFrame = (text: string) => Buffer;

function trimmedText({ id, after, first }: HistoryTrimmed): string {
  const notice: SessionHistoryTrimmed = {
    type: 'history_trimmed',
    session_id: id!,
    after_seq: after,
    first_seq: first,
  };
  return JSON.stringify(notice);
}

/** On a socket a message is two: the session's update, then the message itself. */
class SocketMessages extends WireFormat<SessionMessage> {
  constructor(
    name: string,
    private readonly toFrame: ToFrame,
    private readonly withSeq: boolean,
  ) {
    super(name);
  }

  protected encode(message: SessionMessage): Buffer {
    const update = sessionUpdate(message.sessionId, message.sender.id, message.timestamp);
    return Buffer.concat([textFrame(update), this.toFrame(newMessage(message, this.withSeq))]);
  }

  notice(notice: HistoryTrimmed): Buffer {
    return textFrame(trimmedText(notice));
  }
}

class SocketAnnouncements extends WireFormat<AnnouncementEntry> {
  constructor(
    name: string,
    private readonly toFrame: ToFrame,
  ) {
    super(name);
  }

  protected encode({ announcement }: AnnouncementEntry): Buffer {
    const [only, ...others] = announcement.texts.map((text) => this.toFrame(text));
    return others.length === 0 ? only! : Buffer.concat([only!, ...others]);
  }

  notice({ id }: HistoryTrimmed): Buffer {
    const notice: AnnouncementsSkipped = { type: 'announcements_skipped', session_id: id! };
    return textFrame(JSON.stringify(notice));
  }
}

class SseMessages extends WireFormat<SessionMessage> {
  constructor() {
    super('sse-session', 'sse');
  }

  protected encode(message: SessionMessage): Buffer {
    return Buffer.from(
      `id: ${message.seq}\nevent: message\ndata: ${singleLine(messageText(message), 1_000_000)}\n\n`,
    );
  }

  notice(notice: HistoryTrimmed): Buffer {
    return Buffer.from(`event: history_trimmed\ndata: ${trimmedText(notice)}\n\n`);
  }
}

export interface SocketFormats {
  readonly messages: WireFormat<SessionMessage>;
  readonly announcements: WireFormat<AnnouncementEntry>;
}

const formats = (name: string, toFrame: ToFrame, withSeq: boolean): SocketFormats => ({
  messages: new SocketMessages(name, toFrame, withSeq),
  announcements: new SocketAnnouncements(`${name}-announcements`, toFrame),
});

const plain = formats('sessions', textFrame, true);
const deflated = formats('sessions-deflate', deflatedTextFrame, true);
/** Clients written for other bridges know no seq. */
const bridge = formats('bridge', textFrame, false);
const deflatedBridge = formats('bridge-deflate', deflatedTextFrame, false);

/** @param withSeq for clients that resume by it */
export function socketFormatsFor(connection: Connection, withSeq: boolean): SocketFormats {
  if (withSeq) return connection.takesDeflated ? deflated : plain;
  return connection.takesDeflated ? deflatedBridge : bridge;
}

export const sseMessages = new SseMessages();
