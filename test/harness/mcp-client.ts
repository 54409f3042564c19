import { WebSocket, type ClientOptions } from 'ws';

export type Json = Readonly<Record<string, unknown>>;

/** An answer as a test looks at it; nothing is checked, because that is what tests do. */
export interface RpcAnswer {
  readonly id: string | number | null;
  readonly result: McpResult;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Json };
}

/** Members of results that tests look into. */
export interface McpResult {
  readonly content: readonly { readonly type: string; readonly text: string }[];
  readonly structuredContent: Json & { readonly operation: Json; readonly operations: readonly Json[] };
  readonly isError?: boolean;
  readonly tools: readonly (Json & { readonly name: string })[];
  readonly contents: readonly { readonly uri: string; readonly mimeType?: string; readonly text: string }[];
  readonly task: Json & { readonly taskId: string; readonly status: string };
  readonly tasks: readonly (Json & { readonly taskId: string })[];
  readonly taskId: string;
  readonly status: string;
  readonly resultType?: string;
  readonly protocolVersion: string;
  readonly [member: string]: unknown;
}

export interface Notification {
  readonly method: string;
  readonly params: Json & { readonly content?: readonly { readonly text: string }[] };
}

/** How long a message may take on a busy machine before the test fails. */
const PATIENCE_MS = 10_000;

/** MCP over WebSocket, message by message: what was sent and received is what a test sees. */
export class McpClient {
  /** Everything that arrived and was not an awaited answer, with the time of `performance.now()`. */
  readonly notifications: (Notification & { readonly at: number })[] = [];
  readonly frames: string[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  private readonly answers: RpcAnswer[] = [];
  private waiters: (() => void)[] = [];
  private ids = 0;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => {
      const text = data.toString();
      this.frames.push(text);
      const message = JSON.parse(text) as RpcAnswer | Notification;
      if ('method' in message) this.notifications.push({ ...message, at: performance.now() });
      else this.answers.push(message);
      for (const wake of this.waiters.splice(0)) wake();
    });
    this.closed = new Promise((resolve) =>
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
    );
    socket.on('error', () => {});
  }

  static async connect(
    url: string,
    { subprotocols = [], ...options }: ClientOptions & { subprotocols?: readonly string[] } = {},
  ): Promise<McpClient> {
    const socket = new WebSocket(url, [...subprotocols], options);
    const client = new McpClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** The answer to an id, `null` being a real one here. */
  async answerTo(id: string | number | null): Promise<RpcAnswer> {
    return this.until(`an answer to ${id}`, () => {
      const at = this.answers.findIndex((answer) => answer.id === id);
      return at < 0 ? undefined : this.answers.splice(at, 1)[0];
    });
  }

  request(method: string, params: unknown = {}): Promise<RpcAnswer> {
    const id = ++this.ids;
    this.send({ jsonrpc: '2.0', id, method, params });
    return this.answerTo(id);
  }

  /** `request` that must succeed. */
  async result(method: string, params: unknown = {}): Promise<McpResult> {
    const { result, error } = await this.request(method, params);
    if (error) throw new Error(`${method}: ${error.code} ${error.message}`);
    return result;
  }

  async initialize(protocolVersion = '2025-11-25', capabilities: Json = {}): Promise<McpResult> {
    const params = { protocolVersion, capabilities, clientInfo: { name: 'test', version: '1' } };
    const result = await this.result('initialize', params);
    this.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return result;
  }

  call(name: string, args: Json = {}, more: Json = {}): Promise<McpResult> {
    return this.result('tools/call', { name, arguments: args, ...more });
  }

  /** The first notification that fits, waiting for it. */
  notification(method: string, fits: (params: Json) => boolean = () => true): Promise<Notification> {
    return this.until(method, () =>
      this.notifications.find((one) => one.method === method && fits(one.params)),
    );
  }

  of(method: string): Notification[] {
    return this.notifications.filter((one) => one.method === method);
  }

  terminate(): void {
    this.socket.terminate();
  }

  private async until<T>(what: string, look: () => T | undefined): Promise<T> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      const left = deadline - performance.now();
      if (left <= 0)
        throw new Error(`No ${what} within ${PATIENCE_MS} ms; received ${this.frames.slice(-5).join(' ')}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }
}

/** Envelope of a request of 2026-07-28. */
export function modern(params: Json = {}, capabilities: Json = {}, meta: Json = {}): Json {
  return {
    ...params,
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': capabilities,
      ...meta,
    },
  };
}
