/** One server-sent event (WHATWG HTML, "Server-sent events"), as far as MCP uses it. */
export interface SseEvent {
  readonly data: string;
  readonly id: string | undefined;
  /** Milliseconds to wait before resuming, if the event says so. */
  readonly retryMs: number | undefined;
}

/** Reads events until the stream ends. @throws Error for an event of more characters, or when the stream breaks */
export async function* readEvents(
  chunks: AsyncIterable<Uint8Array>,
  maxCharacters: number,
): AsyncGenerator<SseEvent> {
  const decoder = new TextDecoder();
  const event = new EventInTheMaking();
  let line = '';
  let endedInCr = false;
  for await (const chunk of chunks) {
    let text = decoder.decode(chunk, { stream: true });
    // A CR at the end of a chunk ended the line; a following LF belongs to it.
    if (endedInCr && text.startsWith('\n')) text = text.slice(1);
    if (text === '') continue;
    endedInCr = text.endsWith('\r');
    const lines = text.split(/\r\n|\r|\n/);
    const last = lines.pop()!;
    for (const part of lines) {
      const done = event.line(line + part);
      line = '';
      if (done) yield done;
    }
    line += last;
    if (line.length + event.size > maxCharacters)
      throw new Error(`an event has more than ${maxCharacters} characters`);
  }
}

class EventInTheMaking {
  size = 0;
  private data: string[] = [];
  private id: string | undefined;
  private retryMs: number | undefined;

  /** @returns the event completed by this line */
  line(line: string): SseEvent | undefined {
    if (line === '') return this.take();
    this.size += line.length;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1);
    if (field === 'data') this.data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.id = value;
    else if (field === 'retry' && /^\d{1,9}$/.test(value)) this.retryMs = Number(value);
    return undefined;
  }

  private take(): SseEvent | undefined {
    const { data, id, retryMs } = this;
    this.size = 0;
    this.data = [];
    this.id = undefined;
    this.retryMs = undefined;
    if (data.length === 0 && id === undefined && retryMs === undefined) return undefined;
    return { data: data.join('\n'), id, retryMs };
  }
}
