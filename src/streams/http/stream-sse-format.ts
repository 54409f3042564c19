import { WireFormat } from '../../streaming/delivery/wire-format.js';
import type { DeliveredEntry } from '../stream-topic.js';
import { isJson, isText } from '../stream.js';
import { nextCursor } from './stream-cursor.js';

type Encoding = 'json' | 'text' | 'base64';

/** Where a reader stands, told after each of its data (section 5.8). */
export interface Control {
  readonly nextOffset: string;
  readonly upToDate: boolean;
  readonly closed: boolean;
}

/** A stream's entries as server-sent events: `data`, and behind each a `control`. */
export class StreamSseFormat extends WireFormat<DeliveredEntry> {
  /** @param cursor the reader's own, where it is ahead of the clock */
  constructor(
    private readonly encoding: Encoding,
    private readonly cursor: string | null = null,
  ) {
    super(`stream-${encoding}`, 'sse');
  }

  control({ nextOffset, upToDate, closed }: Control): Buffer {
    const data = {
      streamNextOffset: nextOffset,
      ...(closed ? { streamClosed: true } : { streamCursor: nextCursor(this.cursor) }),
      ...(upToDate && { upToDate: true }),
    };
    return Buffer.from(`event: control\ndata:${JSON.stringify(data)}\n\n`);
  }

  notice(): Buffer {
    // Streams are not trimmed. One that is removed ends its readers, who are told when they come back.
    return Buffer.alloc(0);
  }

  protected encode(entry: DeliveredEntry): Buffer {
    const { nextOffset, isNewest, closes } = entry;
    const control = this.control({ nextOffset, upToDate: isNewest, closed: closes });
    return entry.length === 0 ? control : Buffer.concat([this.data(entry.data), control]);
  }

  private data(data: Buffer): Buffer {
    if (this.encoding === 'base64') return Buffer.from(`event: data\ndata:${data.toString('base64')}\n\n`);
    const text = this.encoding === 'json' ? `[${data.toString()}]` : data.toString();
    // Each of the three line ends of the format would end the field, and let content pass as events.
    const lines = text.split(/\r\n|\r|\n/).map(dataLine);
    return Buffer.from(`event: data\n${lines.join('\n')}\n\n`);
  }
}

/** Readers drop one space behind the colon. */
const dataLine = (line: string): string => (line.startsWith(' ') ? `data: ${line}` : `data:${line}`);

const SHARED = {
  json: new StreamSseFormat('json'),
  text: new StreamSseFormat('text'),
  base64: new StreamSseFormat('base64'),
};

export function encodingOf(contentType: string): Encoding {
  if (isJson(contentType)) return 'json';
  return isText(contentType) ? 'text' : 'base64';
}

/** Frames are shared by all readers, except those whose cursor is ahead of the clock. */
export function sseFormatFor(contentType: string, cursor: string | null): StreamSseFormat {
  const encoding = encodingOf(contentType);
  const isAhead = cursor !== null && nextCursor(cursor) !== nextCursor(null);
  return isAhead ? new StreamSseFormat(encoding, cursor) : SHARED[encoding];
}
