import type { RecordedEvent } from '../../operations/operation-event.js';
import { WireFormat, type HistoryTrimmed } from '../delivery/wire-format.js';

/** Server-sent events (WHATWG HTML, section 9.2): `id` is where `Last-Event-ID` resumes, `data` the event's JSON. */
class SseFormat extends WireFormat {
  constructor(
    name: string,
    private readonly idOf: (event: RecordedEvent) => number,
  ) {
    super(name, 'sse');
  }

  protected encode(event: RecordedEvent): Buffer {
    return Buffer.from(`id: ${this.idOf(event)}\nevent: ${event.type}\ndata: ${event.json}\n\n`);
  }

  notice({ id: operationId, after, first }: HistoryTrimmed): Buffer {
    const data =
      operationId === null
        ? { after: String(after), first_position: first === null ? null : String(first) }
        : { operation_id: operationId, after_seq: after, first_seq: first };
    return Buffer.from(`event: history_trimmed\ndata: ${JSON.stringify(data)}\n\n`);
  }
}

/** One operation's stream: ids are its seqs. */
export const sseOperationFormat = new SseFormat('sse', (event) => event.seq);
/** The stream of all operations: ids are positions. */
export const sseTenantFormat = new SseFormat('sse-all', (event) => event.position);
