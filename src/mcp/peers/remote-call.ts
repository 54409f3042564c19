import { isObject, type Params, type RpcResponse } from '../protocol/json-rpc.js';
import type { InputRequest, InputRequests, ToolContext } from '../tools/tool-context.js';
import { PassedOnResult, type ContentBlock } from '../tools/tool-result.js';
import { UserError } from '../tools/user-error.js';
import { presentable, toToolResult } from './passed-on.js';
import type { PeerClient } from './peer-client.js';
import { Unanswered } from './pending-requests.js';
import { RemoteReports } from './remote-reports.js';
import { RemoteTask } from './remote-task.js';

/** Maximum rounds in which a peer without sessions may ask for input before it answers. */
const MAX_ROUNDS = 16;
const QUESTIONS: ReadonlySet<unknown> = new Set([
  'elicitation/create',
  'sampling/createMessage',
  'roots/list',
]);

/**
 * One call of a peer's tool on behalf of our caller: what the peer reports becomes progress, content and log lines of
 * our call, in order, and a cancelled call is cancelled there.
 */
export class RemoteCall {
  /** Id of the request that currently carries it. */
  id: number | undefined;
  private readonly reports: RemoteReports;
  private questions = 0;

  constructor(
    private readonly peer: string,
    readonly toolName: string,
    private readonly client: PeerClient,
    private readonly context: ToolContext,
  ) {
    this.reports = new RemoteReports(context, (reason) => {
      if (this.id !== undefined) client.giveUp(this.id, reason);
    });
  }

  /**
   * @param asTask the tool can only be called as a task
   * @throws UserError when the peer refuses or is no longer reachable
   */
  async run(args: Params, asTask: boolean): Promise<PassedOnResult> {
    const { signal } = this.context;
    try {
      const { result, error } = await (asTask ? this.runTask(args) : this.runRounds(args));
      await this.reports.finished();
      if (!result) throw new UserError(`Peer ${this.peer} refused ${this.toolName}: ${messageOf(error)}`);
      return new PassedOnResult(toToolResult(result, this.context.session !== undefined));
    } catch (thrown) {
      if (!(thrown instanceof Unanswered) || signal.aborted) throw thrown;
      await this.reports.finished();
      const fate = thrown.maybeCarriedOut ? 'may have been carried out or not' : 'was not carried out';
      throw new UserError(
        `${this.toolName} of peer ${this.peer} gave no answer, it ${fate}: ${thrown.message}`,
      );
    }
  }

  /** Partial content in fast-mcp's form. */
  content(blocks: readonly unknown[], bytes: number): void {
    this.reports.add({ kind: 'content', blocks: blocks.map(presentable) as readonly ContentBlock[] }, bytes);
  }

  log(params: Params, bytes: number): void {
    this.reports.add({ kind: 'log', params }, bytes);
  }

  /** Resolves when there is room for more reports; undefined when there is. */
  room(): Promise<void> | undefined {
    return this.reports.room();
  }

  /** Passes a question of the peer to the caller. @throws UserError and others when it cannot be asked */
  async ask(method: string, params: Params): Promise<Params> {
    const release = this.id === undefined ? () => {} : this.client.hold(this.id);
    const key = `${method}#${++this.questions}`;
    try {
      // Reports that preceded the question are sent before it.
      await this.reports.finished();
      const answers = await this.context.requestInput({ [key]: { method, params } as InputRequest });
      return answers[key] as unknown as Params;
    } finally {
      release();
    }
  }

  /** Calls the tool; a peer without sessions may ask first, and is called again with the answers. */
  private async runRounds(args: Params): Promise<RpcResponse> {
    let more: Params = {};
    for (let round = 1; ; round++) {
      const response = await this.send({ name: this.toolName, arguments: args, ...more });
      const { result } = response;
      if (result?.resultType !== 'input_required') return response;
      if (round >= MAX_ROUNDS)
        throw new UserError(`${this.toolName} of peer ${this.peer} does not stop asking`);
      await this.reports.finished();
      const inputResponses = await this.context.requestInput(questionsOf(result));
      more = {
        inputResponses,
        ...(result.requestState !== undefined && { requestState: result.requestState }),
      };
    }
  }

  private runTask(args: Params): Promise<RpcResponse> {
    const report = (params: Params): void => this.reports.add({ kind: 'progress', params }, 100);
    return new RemoteTask(this.client, this.context.signal, report, (id) => (this.id = id)).run(
      this.toolName,
      args,
    );
  }

  private send(params: Params): Promise<RpcResponse> {
    return this.client.request('tools/call', params, {
      signal: this.context.signal,
      onId: (id) => (this.id = id),
      onProgress: (progress, bytes) => this.reports.add({ kind: 'progress', params: progress }, bytes),
    });
  }
}

/** @throws UserError for anything that is not a question to a caller */
function questionsOf({ inputRequests }: Params): InputRequests {
  const entries = Object.entries(isObject(inputRequests) ? inputRequests : {});
  const valid = entries.length > 0 && entries.every(([, one]) => isObject(one) && QUESTIONS.has(one.method));
  if (!valid) throw new UserError('The peer asks for input in a form that is not known');
  return inputRequests as InputRequests;
}

function messageOf(error: Params | undefined): string {
  return typeof error?.message === 'string' ? error.message.slice(0, 1000) : 'without a reason';
}
