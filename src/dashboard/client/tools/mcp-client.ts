import { eventsOf } from '../../../client/sessions/event-stream.js';
import type { RestClient } from '../../../client/rest/rest-client.js';
import { isRecord, type Json, type Schema } from './tool-form.js';

/** The revision without sessions: closing a response cancels its request. */
const VERSION = '2026-07-28';

export interface Tool {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: Schema;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

/** One message of a call, for the view of the wire. */
export interface WireMessage {
  readonly direction: 'sent' | 'received';
  readonly at: number;
  readonly message: Json;
}

export interface ToolResult {
  readonly content: readonly Record<string, unknown>[];
  readonly structuredContent?: Json | undefined;
  readonly isError: boolean;
  /** Questions the tool asks before it goes on, by key, and the state to send back with the answers. */
  readonly inputRequests?: Readonly<
    Record<string, { readonly method: string; readonly params: Record<string, unknown> }>
  >;
  readonly requestState?: Json | undefined;
}

export interface CallObserver {
  readonly wire: (message: WireMessage) => void;
  readonly progress: (report: {
    readonly progress: number;
    readonly total?: number;
    readonly message?: string;
  }) => void;
  readonly log: (level: string, text: string) => void;
}

/** Calls the service's MCP endpoint as any client does. */
export class McpClient {
  #ids = 0;

  constructor(private readonly rest: RestClient) {}

  async listTools(): Promise<Tool[]> {
    const tools: Tool[] = [];
    let cursor: string | undefined;
    do {
      const result = await this.#request('tools/list', cursor === undefined ? {} : { cursor }, {});
      tools.push(...(result.tools as Tool[]));
      cursor = typeof result.nextCursor === 'string' ? result.nextCursor : undefined;
    } while (cursor !== undefined);
    return tools;
  }

  /** @param more answers to the questions of an earlier result */
  async callTool(
    tool: Tool,
    values: Readonly<Record<string, Json>>,
    observer: CallObserver,
    signal: AbortSignal,
    more: Readonly<Record<string, Json>> = {},
  ): Promise<ToolResult> {
    const params = { name: tool.name, arguments: values, ...more };
    const meta = { progressToken: 1, 'io.modelcontextprotocol/logLevel': 'debug' };
    const headers = parameterHeaders(tool, values);
    const result = await this.#request('tools/call', params, meta, { observer, signal, headers });
    return { ...result, content: result.content ?? [], isError: result.isError === true } as ToolResult;
  }

  async #request(
    method: string,
    params: Readonly<Record<string, Json>>,
    meta: Readonly<Record<string, Json>>,
    call: { observer?: CallObserver; signal?: AbortSignal; headers?: Record<string, string> } = {},
  ): Promise<Record<string, unknown>> {
    const id = ++this.#ids;
    const envelope = {
      'io.modelcontextprotocol/protocolVersion': VERSION,
      'io.modelcontextprotocol/clientInfo': { name: 'opstream-dashboard', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
      ...meta,
    };
    const message = { jsonrpc: '2.0', id, method, params: { ...params, _meta: envelope } };
    call.observer?.wire({ direction: 'sent', at: Date.now(), message });
    const response = await this.rest.open('POST', 'mcp', {
      body: JSON.stringify(message),
      ...(call.signal && { signal: call.signal }),
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': VERSION,
        'mcp-method': method,
        ...(typeof params.name === 'string' && { 'mcp-name': headerValue(params.name) }),
        ...call.headers,
      },
    });
    for await (const received of messagesOf(response)) {
      call.observer?.wire({ direction: 'received', at: Date.now(), message: received as Json });
      if (received.id === id) return resultOf(received);
      if (call.observer) notify(received, call.observer);
    }
    throw new Error('The service ended the answer before its result');
  }
}

async function* messagesOf(response: Response): AsyncGenerator<Record<string, unknown>> {
  if (response.headers.get('content-type')?.startsWith('text/event-stream') && response.body) {
    for await (const { data } of eventsOf(response.body)) {
      const message: unknown = JSON.parse(data);
      if (isRecord(message)) yield message;
    }
    return;
  }
  const message: unknown = await response.json();
  if (isRecord(message)) yield message;
}

function resultOf({ result, error }: Record<string, unknown>): Record<string, unknown> {
  if (isRecord(error)) throw new Error(String(error.message));
  return isRecord(result) ? result : {};
}

function notify({ method, params }: Record<string, unknown>, observer: CallObserver): void {
  if (!isRecord(params)) return;
  if (method === 'notifications/progress')
    observer.progress(params as unknown as Parameters<CallObserver['progress']>[0]);
  else if (method === 'notifications/message')
    observer.log(
      String(params.level),
      typeof params.data === 'string' ? params.data : JSON.stringify(params.data),
    );
}

/** Parameters that the tool wants repeated in headers, so that a proxy can route by them. */
function parameterHeaders(
  { inputSchema }: Tool,
  values: Readonly<Record<string, Json>>,
): Record<string, string> {
  const properties = isRecord(inputSchema.properties) ? inputSchema.properties : {};
  const headers: Record<string, string> = {};
  for (const [name, property] of Object.entries(properties)) {
    const header = isRecord(property) ? property['x-mcp-header'] : undefined;
    const value = values[name];
    if (typeof header !== 'string' || value === undefined || value === null || typeof value === 'object')
      continue;
    headers[`mcp-param-${header.toLowerCase()}`] = headerValue(String(value));
  }
  return headers;
}

/** Text that no header can carry is sent in Base64. */
export function headerValue(text: string): string {
  if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !/^=\?.*\?=$/.test(text)) return text;
  const bytes = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte));
  return `=?base64?${btoa(bytes.join(''))}?=`;
}
