import { formatPlace } from '../../operations/log-token.js';
import type { RecordedEvent } from '../../operations/operation-event.js';
import { singleLine } from '../../platform/single-line.js';
import { historyLostText, noticeText, operationRemovedText } from '../delivery/notices.js';
import { WireFormat, type HistoryLost, type HistoryTrimmed } from '../delivery/wire-format.js';

/** Characters; no event may outgrow the mebibyte that clients take by default. */
const MAX_ESCAPED = 1_000_000;

/**
 * Server-sent events (WHATWG HTML, section 9.2): `id` is where `Last-Event-ID` resumes, i.e. a place and the log it
 * belongs to; `data` is the event's JSON. All streams of one log share one format.
 */
export class SseFormat extends WireFormat {
  /**
   * @param operationId null for the stream of all operations, whose ids are positions; ids of a single operation are
   *   seqs
   * @param log id of the current log
   */
  constructor(
    private readonly operationId: string | null,
    private readonly log: string,
  ) {
    super(operationId === null ? 'sse-all' : 'sse', 'sse');
  }

  protected encode(event: RecordedEvent): Buffer {
    const place = this.operationId === null ? event.position : event.seq;
    return Buffer.from(
      `id: ${this.idAt(place)}\nevent: ${event.type}\ndata: ${singleLine(event.json, MAX_ESCAPED)}\n\n`,
    );
  }

  /** The first event of a stream: without an id, a reader that disconnects before its next event could not resume. */
  beginning(after: number): Buffer {
    const { operationId, log } = this;
    const data = operationId === null ? { position: String(after), log } : { seq: after, log };
    const text = noticeText('position', operationId, data);
    return Buffer.from(`id: ${this.idAt(after)}\nevent: position\ndata: ${text}\n\n`);
  }

  notice({ id: operationId, after, first }: HistoryTrimmed): Buffer {
    const data =
      operationId === null
        ? { after: String(after), first_position: first === null ? null : String(first) }
        : { operation_id: operationId, after_seq: after, first_seq: first };
    return Buffer.from(`event: history_trimmed\ndata: ${JSON.stringify(data)}\n\n`);
  }

  override removed(operationId: string): Buffer {
    return Buffer.from(`event: operation_removed\ndata: ${operationRemovedText(operationId)}\n\n`);
  }

  override lost(notice: HistoryLost): Buffer {
    const id = formatPlace(notice.keptThrough, notice.log);
    return Buffer.from(`id: ${id}\nevent: history_lost\ndata: ${historyLostText(notice)}\n\n`);
  }

  private idAt(place: number): string {
    return formatPlace(place, this.log);
  }
}
