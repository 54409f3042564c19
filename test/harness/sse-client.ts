import { eventually } from './eventually.js';

/** One event of a stream; `data` is parsed. */
export interface SseMessage {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: {
    readonly event_type: string;
    readonly operation_id: string;
    readonly seq: number;
    readonly position: string;
    readonly data: Readonly<Record<string, unknown>>;
    readonly [key: string]: unknown;
  };
}

/** Reads `text/event-stream` over `fetch`: what `EventSource` does, with headers and without reconnecting. */
export class SseClient {
  readonly messages: SseMessage[] = [];
  /** Comments, which keep a quiet stream alive. */
  readonly comments: string[] = [];
  /** True once the server has ended the stream, or the connection is gone. */
  ended = false;
  /** The stream as text. */
  raw = '';
  /** The first event, which says where the stream begins and in which log. */
  beginning: SseMessage | undefined;
  private rest = '';

  private constructor(
    readonly response: Response,
    private readonly aborter: AbortController,
  ) {}

  static async open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<SseClient> {
    const aborter = new AbortController();
    const response = await fetch(url, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: aborter.signal,
    });
    const client = new SseClient(response, aborter);
    void client.read();
    return client;
  }

  async take(count: number): Promise<SseMessage[]> {
    await eventually(`${count} events`, () => this.messages.length >= count);
    return this.messages.splice(0, count);
  }

  async end(): Promise<void> {
    await eventually('the end of the stream', () => this.ended);
  }

  close(): void {
    this.aborter.abort();
  }

  private async read(): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of this.response.body ?? []) this.parse(decoder.decode(chunk, { stream: true }));
    } catch {
      // Aborted, or cut by the server: over either way.
    }
    this.ended = true;
  }

  private parse(text: string): void {
    this.raw += text;
    // A comment is a line of its own, and no blank line ends it.
    const events = (this.rest + text).replace(/^:(.*)\n/gm, (_line, comment: string) => {
      this.comments.push(comment.trim());
      return '';
    });
    const blocks = events.split('\n\n');
    this.rest = blocks.pop()!;
    for (const block of blocks) {
      const fields = new Map<string, string>();
      for (const line of block.split('\n')) {
        fields.set(line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trimStart());
      }
      const data = fields.get('data');
      if (data === undefined) continue;
      const message = {
        id: fields.get('id'),
        event: fields.get('event') ?? 'message',
        data: JSON.parse(data) as SseMessage['data'],
      };
      if (message.event === 'position') this.beginning = message;
      else this.messages.push(message);
    }
  }
}
