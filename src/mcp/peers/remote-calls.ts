import { isObject, type Params } from '../protocol/json-rpc.js';
import type { ToolContext, ToolLog } from '../tools/tool-context.js';
import type { ToolResult } from '../tools/tool-result.js';
import type { PeerClient } from './peer-client.js';
import { RemoteCall } from './remote-call.js';

/**
 * The running calls of one peer's tools. Content and log lines name no call, so they are passed on only when there is
 * no doubt which call they belong to.
 */
export class RemoteCalls {
  private readonly running = new Set<RemoteCall>();

  constructor(private readonly peer: string) {}

  async run(client: PeerClient, tool: string, args: Params, context: ToolContext): Promise<ToolResult> {
    const call = new RemoteCall(this.peer, tool, context);
    this.running.add(call);
    try {
      return await call.run(client, args);
    } finally {
      this.running.delete(call);
    }
  }

  notified(method: string, params: Params): void {
    if (method === 'notifications/tool/streamContent' && Array.isArray(params.content)) {
      const content: readonly unknown[] = params.content;
      this.only(({ toolName }) => toolName === params.toolName)?.content(content);
    } else if (method === 'notifications/message') {
      this.only(() => true)?.log(levelOf(params.level), textOf(params), params.data);
    }
  }

  private only(matches: (call: RemoteCall) => boolean): RemoteCall | undefined {
    const found = [...this.running].filter(matches);
    return found.length === 1 ? found[0] : undefined;
  }
}

function levelOf(level: unknown): keyof ToolLog {
  if (level === 'debug') return 'debug';
  if (level === 'info' || level === 'notice') return 'info';
  return level === 'warning' ? 'warn' : 'error';
}

function textOf({ data, logger }: Params): string {
  const said = isObject(data) && typeof data.message === 'string' ? data.message : data;
  const text = typeof said === 'string' ? said : (JSON.stringify(said) ?? '');
  return typeof logger === 'string' ? `${logger}: ${text}` : text;
}
