/** One server-sent event (WHATWG HTML, "Server-sent events"), as far as MCP uses it. */
export interface SseEvent {
  readonly data: string;
  readonly id: string | undefined;
  /** Milliseconds to wait before resuming, where the event says so. */
  readonly retryMs: number | undefined;
}

/** Characters of one event. */
const MAX_EVENT = 8 * 1024 * 1024;

/** Reads events until the stream ends. @throws Error for an event of no reasonable size, or when the stream breaks */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<SseEvent> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    // A lone CR at the end may be half of a CRLF.
    const safe = text.endsWith('\r') ? text.length - 1 : text.length;
    const events = (text.slice(0, safe).replaceAll(/\r\n?/g, '\n') + text.slice(safe)).split('\n\n');
    text = events.pop() ?? '';
    if (text.length > MAX_EVENT) throw new Error(`an event has more than ${MAX_EVENT} characters`);
    for (const event of events) yield parseEvent(event);
  }
}

function parseEvent(text: string): SseEvent {
  const data: string[] = [];
  let id: string | undefined;
  let retryMs: number | undefined;
  for (const line of text.split('\n')) {
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (field === 'data') data.push(value);
    else if (field === 'id') id = value;
    else if (field === 'retry' && /^\d{1,9}$/.test(value)) retryMs = Number(value);
  }
  return { data: data.join('\n'), id, retryMs };
}
