import { isObject, type Params } from '../protocol/json-rpc.js';
import type { ToolContext, ToolLog } from '../tools/tool-context.js';
import type { ContentBlock, ToolResult } from '../tools/tool-result.js';
import { UserError } from '../tools/user-error.js';
import type { PeerClient } from './peer-client.js';
import { Unanswered } from './pending-requests.js';

/**
 * One call of a peer's tool on behalf of a caller of ours: what the far side reports on the way becomes progress and
 * content of the call here, and a cancelled call is cancelled there.
 */
export class RemoteCall {
  /** A message of progress waits one turn: content that says the same may follow, and is then all that is passed on. */
  private held: Params | undefined;
  /** Reports are passed on in order. */
  private reports: Promise<void> = Promise.resolve();

  constructor(
    private readonly peer: string,
    readonly toolName: string,
    private readonly context: ToolContext,
  ) {}

  /** @throws UserError when the far side refuses or cannot be reached any more */
  async run(client: PeerClient, args: Params): Promise<ToolResult> {
    const params = { name: this.toolName, arguments: args };
    const { signal } = this.context;
    try {
      const onProgress = (progress: Params): void => this.progress(progress);
      const { result, error } = await client.request('tools/call', params, { signal, onProgress });
      this.release();
      await this.reports;
      if (!result) throw new UserError(`Peer ${this.peer} refused ${this.toolName}: ${messageOf(error)}`);
      return toToolResult(result);
    } catch (thrown) {
      if (!(thrown instanceof Unanswered) || signal.aborted) throw thrown;
      throw new UserError(
        `${this.toolName} of peer ${this.peer} gave no answer, it may have been carried out or not: ${thrown.message}`,
      );
    }
  }

  /** Partial content in fast-mcp's form. */
  content(blocks: readonly unknown[]): void {
    const text = blocks
      .map((block) => (isObject(block) && block.type === 'text' ? String(block.text) : ''))
      .join('');
    if (this.held?.message === text) this.held = undefined;
    this.release();
    this.report(() => this.context.streamContent(blocks as readonly ContentBlock[]));
  }

  log(level: keyof ToolLog, message: string, data: unknown): void {
    this.context.log[level](message, data);
  }

  private progress(params: Params): void {
    this.release();
    this.held = params;
    setImmediate(() => {
      if (this.held === params) this.release();
    });
  }

  private release(): void {
    const params = this.held;
    this.held = undefined;
    if (!params || typeof params.progress !== 'number') return;
    const { progress, total, message } = params;
    this.report(() =>
      this.context.reportProgress({
        progress,
        ...(typeof total === 'number' && { total }),
        ...(typeof message === 'string' && { message }),
      }),
    );
  }

  /** What the far side reports badly is left out; the call itself goes on. */
  private report(tell: () => Promise<void>): void {
    this.reports = this.reports.then(tell).catch(() => undefined);
  }
}

function toToolResult({ content, structuredContent, isError, _meta }: Params): ToolResult {
  return {
    content: Array.isArray(content) ? (content as ContentBlock[]) : [],
    ...(isObject(structuredContent) && { structuredContent }),
    ...(isError === true && { isError }),
    ...(isObject(_meta) && { _meta }),
  };
}

function messageOf(error: Params | undefined): string {
  return typeof error?.message === 'string' ? error.message.slice(0, 1000) : 'without a reason';
}
