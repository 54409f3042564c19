import type { RecordedEvent } from '../../operations/operation-event.js';
import {
  historyLostText,
  historyTrimmedText,
  noticeText,
  operationRemovedText,
} from '../delivery/notices.js';
import { WireFormat, type HistoryLost, type HistoryTrimmed } from '../delivery/wire-format.js';
import type { Connection } from '../socket/connection.js';
import { deflatedTextFrame, textFrame } from '../socket/text-frame.js';

/** The hub's events as ready WebSocket frames: the event envelope with `seq` and `position`. */
class HubFormat extends WireFormat {
  constructor(
    name: string,
    private readonly toFrame: (text: string) => Buffer,
  ) {
    super(name);
  }

  protected encode(event: RecordedEvent): Buffer {
    return this.toFrame(event.json);
  }

  notice({ id: operationId, after, first }: HistoryTrimmed): Buffer {
    if (operationId !== null) return textFrame(historyTrimmedText(operationId, after, first));
    const data = { after: String(after), first_position: first === null ? null : String(first) };
    return textFrame(noticeText('history_trimmed', null, data));
  }

  override removed(operationId: string): Buffer {
    return textFrame(operationRemovedText(operationId));
  }

  override lost(notice: HistoryLost): Buffer {
    return textFrame(historyLostText(notice));
  }
}

const plain = new HubFormat('hub', textFrame);
const deflated = new HubFormat('hub-deflate', deflatedTextFrame);

/** Compressed once for all connections that negotiated compression, plain for the others. */
export function hubFormatFor(connection: Connection): WireFormat {
  return connection.takesDeflated ? deflated : plain;
}
