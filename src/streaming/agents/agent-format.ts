import type { RecordedEvent } from '../../operations/operation-event.js';
import { WireFormat, type HistoryLost, type HistoryTrimmed } from '../delivery/wire-format.js';
import type { Connection } from '../socket/connection.js';
import { message } from './agent-answer.js';
import { deflatedTextFrame, textFrame } from '../socket/text-frame.js';

/** Characters above which messages are compressed. */
export const DEFLATE_ABOVE = 1024;

/** Operation events in the agents protocol: the hub's event wrapped in a message. */
class AgentFormat extends WireFormat {
  constructor(
    name: string,
    private readonly toFrame: (text: string) => Buffer,
  ) {
    super(name);
  }

  protected encode(event: RecordedEvent): Buffer {
    const timestamp = new Date(event.timestamp * 1000).toISOString();
    return this.toFrame(`{"type":"operation_event","timestamp":"${timestamp}","event":${event.json}}`);
  }

  notice({ id: operationId, after, first }: HistoryTrimmed): Buffer {
    const place =
      operationId === null
        ? { after: String(after), first_position: first === null ? null : String(first) }
        : { operation_id: operationId, after_seq: after, first_seq: first };
    return textFrame(message('history_trimmed', place));
  }

  override lost({ id, keptThrough, log }: HistoryLost): Buffer {
    const place =
      id === null
        ? { kept_through: String(keptThrough), log }
        : { operation_id: id, kept_through: keptThrough, log };
    return textFrame(message('history_lost', place));
  }
}

const plain = new AgentFormat('agents', textFrame);
const deflated = new AgentFormat('agents-deflate', (text) => deflatedTextFrame(text, DEFLATE_ABOVE));

/** Compressed once for all connections that negotiated compression, plain for the others. */
export function agentFormatFor(connection: Connection): WireFormat {
  return connection.takesDeflated ? deflated : plain;
}
