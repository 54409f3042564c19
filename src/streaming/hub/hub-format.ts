import type { RecordedEvent } from '../../operations/operation-event.js';
import { WireFormat, type HistoryTrimmed } from '../delivery/wire-format.js';
import { textFrame } from '../socket/text-frame.js';

/** The hub's events as ready WebSocket frames: the envelope of S1-37 with `seq` and `position`. */
class HubFormat extends WireFormat {
  protected encode(event: RecordedEvent): Buffer {
    return textFrame(event.json);
  }

  notice({ operationId, after, first }: HistoryTrimmed): Buffer {
    const data =
      operationId === null
        ? { after: String(after), first_position: first === null ? null : String(first) }
        : { after_seq: after, first_seq: first };
    return textFrame(
      JSON.stringify({
        event_type: 'history_trimmed',
        operation_id: operationId ?? 'system',
        timestamp: Date.now() / 1000,
        data,
      }),
    );
  }
}

export const hubFormat = new HubFormat('hub');
