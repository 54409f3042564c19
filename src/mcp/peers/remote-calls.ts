import type { Params } from '../protocol/json-rpc.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import type { ToolContext } from '../tools/tool-context.js';
import type { PassedOnResult } from '../tools/tool-result.js';
import { UserError } from '../tools/user-error.js';
import type { PeerClient } from './peer-client.js';
import { RemoteCall } from './remote-call.js';

/**
 * The running calls of one peer's tools. Messages on the stream of an answer belong to that call. Messages on a
 * WebSocket or the standing stream name no call: they are passed on only if there is no doubt.
 */
export class RemoteCalls {
  private readonly running = new Set<RemoteCall>();

  constructor(private readonly peer: string) {}

  async run(
    client: PeerClient,
    tool: { readonly name: string; readonly asTask: boolean },
    args: Params,
    context: ToolContext,
  ): Promise<PassedOnResult> {
    const call = new RemoteCall(this.peer, tool.name, client, context);
    this.running.add(call);
    try {
      return await call.run(args, tool.asTask);
    } finally {
      this.running.delete(call);
    }
  }

  /** @returns whether the notification belongs to a call */
  notified(method: string, params: Params, bytes: number, requestId: number | undefined): boolean {
    if (method === 'notifications/tool/streamContent' && Array.isArray(params.content)) {
      const content: readonly unknown[] = params.content;
      const call = this.find(requestId, ({ toolName }) => toolName === params.toolName);
      call?.content(content, bytes);
      return call !== undefined;
    }
    if (method !== 'notifications/message') return false;
    const call = this.find(requestId, () => true);
    call?.log(params, bytes);
    return call !== undefined;
  }

  /** Asks the caller of a call what the peer wants to know. @throws RpcError when nobody can be asked */
  async ask(method: string, params: Params, requestId: number | undefined): Promise<Params> {
    const call = this.find(requestId, () => true);
    if (method === 'roots/list') return this.roots(call, params);
    if (!call) {
      const why = this.running.size > 1 ? 'it cannot be told which call it belongs to' : 'no call is running';
      throw new RpcError(RPC.invalidRequest, `No caller can be asked: ${why}`);
    }
    try {
      return await call.ask(method, params);
    } catch (thrown) {
      if (thrown instanceof UserError) throw new RpcError(RPC.methodNotFound, thrown.message);
      throw thrown;
    }
  }

  /** A promise to await before more of this request's answer is read. */
  room(requestId: number): Promise<void> | undefined {
    return this.byId(requestId)?.room();
  }

  /** A service has no roots; callers may have some. */
  private async roots(call: RemoteCall | undefined, params: Params): Promise<Params> {
    try {
      return (await call?.ask('roots/list', params)) ?? { roots: [] };
    } catch {
      return { roots: [] };
    }
  }

  private find(
    requestId: number | undefined,
    matches: (call: RemoteCall) => boolean,
  ): RemoteCall | undefined {
    if (requestId !== undefined) return this.byId(requestId);
    const found = [...this.running].filter(matches);
    return found.length === 1 ? found[0] : undefined;
  }

  private byId(requestId: number): RemoteCall | undefined {
    for (const call of this.running) if (call.id === requestId) return call;
    return undefined;
  }
}
