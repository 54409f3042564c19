import { Logger } from '@nestjs/common';
import type { Principal } from '../../auth/principal.js';
import { withinOperation } from '../../operations/operation-scope.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { Cancellation } from '../protocol/cancellation.js';
import type { RequestContext } from '../session/request-context.js';
import type { Params } from '../protocol/json-rpc.js';
import type {
  InputOptions,
  InputRequests,
  InputResponses,
  ProgressReport,
  ToolContext,
  ToolLog,
  ToolSession,
} from '../tools/tool-context.js';
import type { ToolDefinition } from '../tools/tool-definition.js';
import type { ContentBlock } from '../tools/tool-result.js';
import type { CallRecord } from './call-record.js';
import { ReportQueue } from './report-queue.js';
import type { CallerNotifications } from './caller-notifications.js';
import type { InputRequester } from './input-requester.js';
import { checkContent, toFailure, toolError, toResult, type ToolOutcome } from './tool-outcome.js';

/** Blocks kept for the result of a tool that streams and returns nothing; later ones are only in the log. */
const MAX_STREAMED_CHARACTERS = 4 * 1024 * 1024;
/** The same, for all calls of the process together. */
const MAX_KEPT_CHARACTERS = 64 * 1024 * 1024;
let keptCharacters = 0;

/**
 * One running tool call, and the context that the tool sees. What the tool reports is recorded first, then sent to the
 * caller, in order. The call ends once: with the tool's return, its failure, a timeout or a cancellation. Later
 * reports of the tool are dropped.
 */
export class ToolCall implements ToolContext {
  private static readonly logger = new Logger('McpToolCalls');
  readonly principal: Principal;
  readonly session: ToolSession | undefined;
  readonly sessionId: string | undefined;
  readonly requestHeaders: ToolContext['requestHeaders'];
  readonly clientAddress: string;
  readonly clientCapabilities: Params;
  readonly log: ToolLog = {
    debug: (message, data) => this.writeLog('debug', message, data),
    info: (message, data) => this.writeLog('info', message, data),
    warn: (message, data) => this.writeLog('warning', message, data),
    error: (message, data) => this.writeLog('error', message, data),
  };
  /** Resolves when the call has ended. */
  readonly outcome: Promise<ToolOutcome>;
  /** Resolves when the call has ended and its end is recorded. */
  readonly finished: Promise<ToolOutcome>;
  private readonly cancellation = new Cancellation();
  private readonly streamed: ContentBlock[] = [];
  private streamedCharacters = 0;
  /** The part of it held by this call. */
  private keptCharacters = 0;
  private readonly reports: ReportQueue;
  private ended = false;
  private end!: (outcome: ToolOutcome) => void;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    readonly requestId: string,
    readonly tool: ToolDefinition,
    private readonly exchange: RequestContext,
    readonly record: CallRecord,
    private readonly notifications: CallerNotifications,
    readonly inputs: InputRequester,
    /** Sent to the caller with the result. */
    private readonly note: string | undefined,
  ) {
    this.principal = exchange.principal;
    this.session = exchange.session;
    this.sessionId = exchange.session?.id;
    this.requestHeaders = exchange.headers;
    this.clientAddress = exchange.address;
    this.clientCapabilities = exchange.capabilities;
    this.reports = new ReportQueue(notifications, exchange.responder);
    this.outcome = new Promise<ToolOutcome>((resolve) => (this.end = resolve));
    this.principal.revoked?.addEventListener('abort', this.onRevoked);
    if (this.principal.revoked?.aborted) this.onRevoked();
    this.finished = this.outcome.then((outcome) => this.conclude(outcome));
  }

  get signal(): AbortSignal {
    return this.cancellation.signal;
  }

  /** Runs the tool with validated arguments. */
  start(args: Params): void {
    const { timeoutMs } = this.tool.options;
    if (timeoutMs !== undefined) {
      this.timer = setTimeout(() => {
        const text = `Tool "${this.tool.name}" timed out after ${timeoutMs} ms`;
        this.stop({ kind: 'result', result: toolError(text) }, text);
      }, timeoutMs);
    }
    void this.run(args).then((outcome) => this.end(withNote(outcome, this.note)));
  }

  /** A call ends with the key that made it, even as a task. */
  private readonly onRevoked = (): void => this.cancel('The API key of the caller was revoked');

  cancel(reason: string): void {
    this.stop({ kind: 'cancelled', reason }, reason);
  }

  /** Ends the call regardless of what the tool does, and fires its signal. */
  stop(outcome: ToolOutcome, reason: string): void {
    if (this.ended) return;
    this.end(outcome);
    this.cancellation.cancel(reason);
  }

  /** The call continues as a task: its caller has been answered. @param send where progress can still be sent */
  detach(send: ((message: string) => void) | undefined): void {
    this.exchange.cancellation.target = undefined;
    this.notifications.send = send;
  }

  // Tools destructure their context, so these must work without it.
  readonly streamContent = (content: ContentBlock | readonly ContentBlock[]): Promise<void> =>
    this.observed(async () => {
      if (this.ended) return;
      const blocks = checkContent(Array.isArray(content) ? (content as readonly ContentBlock[]) : [content]);
      this.keepStreamed(blocks);
      this.reports.add(this.record.content(blocks), this.notifications.content(blocks));
      await this.reports.pace();
    });

  readonly reportProgress = (progress: ProgressReport): Promise<void> =>
    this.observed(async () => {
      if (this.ended || !Number.isFinite(progress.progress)) return;
      this.reports.add(this.record.progress(progress), this.notifications.progress(progress));
      await this.reports.pace();
    });

  readonly requestInput = <Requests extends InputRequests>(
    requests: Requests,
    options: InputOptions = {},
  ): Promise<InputResponses<Requests>> =>
    this.observed(async () => (await this.inputs.ask(requests, options, this)) as InputResponses<Requests>);

  readonly pauseStream = (retryMs = 1000): void => {
    if (this.session) this.exchange.responder.pause?.(retryMs);
  };

  /** A tool need not await its reports; a refused report must not end the process. */
  private observed<Value>(work: () => Promise<Value>): Promise<Value> {
    const working = work();
    working.catch((error: unknown) => {
      ToolCall.logger.warn(
        { error, tool: this.tool.name, operation_id: this.requestId },
        'Refused to a tool',
      );
    });
    return working;
  }

  private writeLog(level: string, message: unknown, data: unknown): void {
    if (this.ended) return;
    // Logging must not fail: values that are not text or JSON are shown as well as possible.
    const text = typeof message === 'string' ? message : JSON.stringify(toJson(message) ?? null);
    const safe = toJson(data);
    this.reports.add(this.record.log(level, text, safe), this.notifications.log(level, text, safe));
  }

  private keepStreamed(blocks: readonly ContentBlock[]): void {
    if (this.tool.options.returnsResult === true) return;
    for (const block of blocks) {
      const size = block.type === 'text' ? block.text.length : JSON.stringify(block).length;
      this.streamedCharacters += size;
      if (this.streamedCharacters > MAX_STREAMED_CHARACTERS || keptCharacters + size > MAX_KEPT_CHARACTERS)
        continue;
      this.keptCharacters += size;
      keptCharacters += size;
      this.streamed.push(block);
    }
  }

  /** What a recorded tool opens or calls, belongs to its operation. */
  private execute(args: Params): unknown {
    if (!this.tool.recorded) return this.tool.execute(args, this);
    const { tenant } = this.exchange.principal;
    return withinOperation({ tenant, operationId: this.requestId }, () => this.tool.execute(args, this));
  }

  private async run(args: Params): Promise<ToolOutcome> {
    try {
      const value = await this.execute(args);
      const result = await toResult(this.tool, value, this.streamed);
      if (!this.notifications.wantsPartialResults || value === undefined) return { kind: 'result', result };
      return { kind: 'result', result: { ...result, content: [...this.streamed, ...result.content] } };
    } catch (thrown) {
      const failure = toFailure(thrown);
      if (failure) return failure;
      if (thrown instanceof OpstreamError || !this.ended) {
        ToolCall.logger.error(
          { error: thrown, operation_id: this.requestId },
          `Tool ${this.tool.name} failed`,
        );
      }
      const text = `Tool "${this.tool.name}" failed unexpectedly (call ${this.requestId})`;
      return { kind: 'result', result: toolError(text) };
    }
  }

  private async conclude(outcome: ToolOutcome): Promise<ToolOutcome> {
    this.ended = true;
    clearTimeout(this.timer);
    keptCharacters -= this.keptCharacters;
    this.keptCharacters = 0;
    this.principal.revoked?.removeEventListener('abort', this.onRevoked);
    this.inputs.giveUp();
    await this.record.finish(outcome);
    await this.reports.allTold;
    return outcome;
  }
}

function withNote(outcome: ToolOutcome, note: string | undefined): ToolOutcome {
  if (note === undefined || outcome.kind !== 'result') return outcome;
  const { result } = outcome;
  return {
    kind: 'result',
    result: { ...result, content: [...result.content, { type: 'text', text: note }] },
  };
}

function toJson(data: unknown): unknown {
  if (data === undefined || data === null || typeof data === 'string') return data;
  if (data instanceof Error) return `${data.name}: ${data.message}`;
  try {
    return JSON.parse(JSON.stringify(data) ?? 'null');
  } catch {
    return '[not JSON]';
  }
}
