import { eventually } from './eventually.js';
import type { Json, McpResult, RpcAnswer } from './mcp-client.js';
import { readEvents } from './mcp-http.js';

/** The transport of 2024-11-05 by hand: a stream, and POSTs to the address that it names. */
export class McpSseClient {
  readonly messages: Json[] = [];
  /** Where messages are sent. */
  endpoint = '';
  ended = false;
  private ids = 0;
  private readonly abort = new AbortController();

  private constructor(
    readonly base: string,
    private readonly headers: Readonly<Record<string, string>>,
  ) {}

  /** @throws Error with the status when the stream is refused */
  static async connect(
    base: string,
    { path = '/sse', headers = {} }: { path?: string; headers?: Readonly<Record<string, string>> } = {},
  ): Promise<McpSseClient> {
    const client = new McpSseClient(base, headers);
    const response = await fetch(base + path, { headers, signal: client.abort.signal });
    if (response.status !== 200) throw new Error(String(response.status));
    void client.read(response);
    await eventually('the endpoint is announced', () => client.endpoint !== '');
    return client;
  }

  close(): void {
    this.abort.abort();
  }

  post(message: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return fetch(this.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...this.headers, ...headers },
      body: JSON.stringify(message),
    });
  }

  async answerTo(id: unknown): Promise<RpcAnswer> {
    const find = () => this.messages.find((message) => message.id === id && message.method === undefined);
    await eventually(`an answer to ${String(id)}`, () => find() !== undefined);
    return find() as unknown as RpcAnswer;
  }

  async request(method: string, params: Json = {}): Promise<RpcAnswer> {
    const id = ++this.ids;
    await this.post({ jsonrpc: '2.0', id, method, params });
    return this.answerTo(id);
  }

  async result(method: string, params: Json = {}): Promise<McpResult> {
    const { result, error } = await this.request(method, params);
    if (error) throw new Error(`${method}: ${error.code} ${error.message}`);
    return result;
  }

  async initialize(protocolVersion = '2024-11-05', capabilities: Json = {}): Promise<McpResult> {
    const params = { protocolVersion, capabilities, clientInfo: { name: 'test', version: '1' } };
    const result = await this.result('initialize', params);
    await this.post({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return result;
  }

  of(method: string): Json[] {
    return this.messages.filter((message) => message.method === method);
  }

  private async read(response: Response): Promise<void> {
    try {
      for await (const { event, data } of readEvents(response)) {
        if (event === 'endpoint') this.endpoint = new URL(data, response.url).href;
        else if (data !== '') this.messages.push(...[JSON.parse(data) as Json].flat());
      }
    } catch {
      // The test closed it.
    }
    this.ended = true;
  }
}
