import { modern, type Json, type Notification, type RpcAnswer } from './mcp-client.js';

const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

export type HttpMessage = RpcAnswer & Notification;

export interface SseEvent {
  readonly id?: string;
  readonly data: string;
  readonly retry?: number;
  /** Its type, where that is not `message`. */
  readonly event?: string;
  /** A comment, such as a keep-alive. */
  readonly comment?: string;
}

/** What one POST was answered with. */
export interface McpHttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly headers: Headers;
  readonly text: string;
  /** The answer, when the body was JSON or a stream that ended with it. */
  readonly answer: RpcAnswer;
  readonly notifications: readonly Notification[];
}

/** Streamable HTTP by hand, so that tests choose every header. */
export class McpHttpClient {
  sessionId: string | undefined;
  private ids = 0;

  constructor(
    readonly url: string,
    private readonly headers: Readonly<Record<string, string>> = {},
  ) {}

  /** @param body sent as it is when a string */
  async post(body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<McpHttpAnswer> {
    const response = await this.fetch(body, headers);
    const text = await response.text();
    const type = response.headers.get('content-type') ?? '';
    const messages = type.startsWith('text/event-stream')
      ? parseEvents(text)
          .filter(({ data }) => data !== '')
          .map(({ data }) => JSON.parse(data) as HttpMessage)
      : text === ''
        ? []
        : [JSON.parse(text) as HttpMessage];
    return {
      status: response.status,
      type,
      headers: response.headers,
      text,
      answer: messages.find((message) => !('method' in message))!,
      notifications: messages.filter((message) => 'method' in message),
    };
  }

  fetch(
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
    signal?: AbortSignal,
  ): Promise<Response> {
    return fetch(this.url, {
      method: 'POST',
      headers: {
        ...HEADERS,
        ...this.headers,
        ...(this.sessionId !== undefined && { 'mcp-session-id': this.sessionId }),
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...(signal && { signal }),
    });
  }

  /** Opens a session, whose id later requests carry. */
  async initialize(protocolVersion = '2025-11-25', capabilities: Json = {}): Promise<McpHttpAnswer> {
    const params = { protocolVersion, capabilities, clientInfo: { name: 'test', version: '1' } };
    const answer = await this.post(this.message('initialize', params));
    this.sessionId = answer.headers.get('mcp-session-id') ?? undefined;
    return answer;
  }

  request(method: string, params: Json = {}): Promise<McpHttpAnswer> {
    return this.post(this.message(method, params));
  }

  call(name: string, args: Json = {}, more: Json = {}): Promise<McpHttpAnswer> {
    return this.request('tools/call', { name, arguments: args, ...more });
  }

  /** A request of 2026-07-28 with the headers that it needs. */
  modern(
    method: string,
    params: Json = {},
    capabilities: Json = {},
    meta: Json = {},
  ): Promise<McpHttpAnswer> {
    return this.post(this.message(method, modern(params, capabilities, meta)), modernHeaders(method, params));
  }

  message(method: string, params: Json): Json {
    return { jsonrpc: '2.0', id: ++this.ids, method, params };
  }

  get(headers: Readonly<Record<string, string>> = {}, signal?: AbortSignal): Promise<Response> {
    return fetch(this.url, {
      headers: {
        accept: 'text/event-stream',
        ...this.headers,
        ...(this.sessionId !== undefined && { 'mcp-session-id': this.sessionId }),
        ...headers,
      },
      ...(signal && { signal }),
    });
  }
}

export function modernHeaders(method: string, params: Json): Record<string, string> {
  const name = params.name ?? params.uri ?? params.taskId;
  return {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(typeof name === 'string' && { 'mcp-name': name }),
  };
}

/** The events of a stream as they arrive, ending with it. */
export async function* readEvents(response: Response): AsyncGenerator<SseEvent> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    const end = text.lastIndexOf('\n\n');
    if (end < 0) continue;
    yield* parseEvents(text.slice(0, end + 2));
    text = text.slice(end + 2);
  }
}

export function parseEvents(text: string): SseEvent[] {
  return text
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) => {
      const event: { id?: string; data: string; retry?: number; comment?: string; event?: string } = {
        data: '',
      };
      for (const line of block.split('\n')) {
        const [, field = '', value = ''] = /^([a-z]*): ?(.*)$/s.exec(line) ?? [];
        if (field === 'id') event.id = value;
        if (field === 'data') event.data += value;
        if (field === 'event') event.event = value;
        if (field === 'retry') event.retry = Number(value);
        if (field === '') event.comment = value;
      }
      return event;
    });
}
