import { isUtf8 } from 'node:buffer';
import { noticeText } from '../../streaming/delivery/notices.js';
import { WireFormat } from '../../streaming/delivery/wire-format.js';
import { textFrame } from '../../streaming/socket/text-frame.js';
import type { DeliveredEntry } from '../stream-topic.js';
import { isJson, isText } from '../stream.js';

/** Content of one message; no frame is above a mebibyte. */
const MAX_CONTENT_BYTES = 512 * 1024;

/** A stream's entries as messages of the hub (docs/protocol.md). */
export class StreamHubFormat extends WireFormat<DeliveredEntry> {
  constructor(
    private readonly path: string,
    private readonly contentType: string,
  ) {
    super('stream-hub');
  }

  notice(): Buffer {
    // A place that is gone ends the subscription.
    return Buffer.alloc(0);
  }

  protected encode(entry: DeliveredEntry): Buffer {
    const place = JSON.stringify({
      next_offset: entry.nextOffset,
      up_to_date: entry.isNewest,
      closed: entry.closes,
    });
    const start = `{"event_type":"stream","operation_id":"system","timestamp":${Date.now() / 1000},"data":{`;
    return textFrame(`${start}"path":${JSON.stringify(this.path)},${this.content(entry)}${place.slice(1)}}`);
  }

  private content({ data, length }: DeliveredEntry): string {
    if (length === 0) return '';
    if (data.length > MAX_CONTENT_BYTES) return `"omitted_bytes":${data.length},`;
    if (isJson(this.contentType)) return `"messages":[${data.toString()}],`;
    if (isText(this.contentType) && isUtf8(data)) return `"text":${JSON.stringify(data.toString())},`;
    return `"base64":"${data.toString('base64')}",`;
  }
}

/** Says that a subscription has ended because its stream, or its place in it, is gone. */
export function streamGoneText(path: string): string {
  return noticeText('stream_gone', null, { path });
}
