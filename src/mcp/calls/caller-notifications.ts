import { encodeNotification, isObject, type Params } from '../protocol/json-rpc.js';
import { fitParams } from '../protocol/members.js';
import { META } from '../protocol/versions.js';
import type { RequestContext } from '../session/request-context.js';
import { levelNumber } from '../session/log-level.js';
import type { ProgressReport } from '../tools/tool-context.js';
import type { ContentBlock } from '../tools/tool-result.js';

/** Progress must increase with every notification; content without progress advances it by this much. */
const STEP = 1e-6;

/**
 * Notifies a tool's caller while it runs, in the forms it asked for: `notifications/progress` with a token,
 * `notifications/message` above its log level, and partial content as progress messages, as SEP-2998's
 * `notifications/tools/partial_result`, and in sessions as fast-mcp's `notifications/tool/streamContent`.
 */
export class CallerNotifications {
  private readonly progressToken: unknown;
  private readonly partialResultToken: unknown;
  private readonly minimumLevel: () => number;
  private lastSent = -STEP;
  private lastReported = -Infinity;
  private partialCount = 0;

  /** @param send undefined once nobody listens; @param streamContent whether to send fast-mcp's form */
  constructor(
    private readonly exchange: RequestContext,
    private readonly toolName: string,
    private readonly streamContent: boolean,
    public send: ((message: string) => void) | undefined,
  ) {
    const { meta, era, session, capabilities } = exchange;
    this.progressToken = isToken(meta.progressToken) ? meta.progressToken : undefined;
    this.partialResultToken =
      isObject(capabilities.partialResults) && isToken(meta.partialResultToken)
        ? meta.partialResultToken
        : undefined;
    const asked = levelNumber(meta[META.logLevel]) ?? Infinity;
    this.minimumLevel = era === 'legacy' && session ? () => session.minimumLevel : () => asked;
  }

  /** SEP-2998 requires the final result to repeat all partial ones. */
  get wantsPartialResults(): boolean {
    return this.partialResultToken !== undefined;
  }

  get wantsProgress(): boolean {
    return this.progressToken !== undefined;
  }

  progress({ progress, total, message }: ProgressReport): readonly string[] {
    if (progress <= this.lastReported && message === undefined) return NOTHING;
    this.lastReported = Math.max(progress, this.lastReported);
    return this.progressMessages(progress, total, message);
  }

  content(blocks: readonly ContentBlock[]): readonly string[] {
    const text = blocks.map((block) => (block.type === 'text' ? block.text : '')).join('');
    const messages = [...this.progressMessages(this.lastSent, undefined, text === '' ? undefined : text)];
    if (this.partialResultToken !== undefined) {
      const params = {
        partialResultToken: this.partialResultToken,
        seq: this.partialCount++,
        content: blocks,
        final: false,
      };
      messages.push(this.encode('notifications/tools/partial_result', params));
    }
    if (this.streamContent && this.exchange.era === 'legacy') {
      const params = { content: blocks, toolName: this.toolName };
      messages.push(this.encode('notifications/tool/streamContent', params));
    }
    return messages;
  }

  log(level: string, message: string, context: unknown): readonly string[] {
    if (levelNumber(level)! < this.minimumLevel()) return NOTHING;
    // Text as text: some clients accept nothing else.
    const data = context === undefined ? message : { message, context };
    return [this.encode('notifications/message', { level, logger: this.toolName, data })];
  }

  private progressMessages(
    progress: number,
    total: number | undefined,
    message: string | undefined,
  ): readonly string[] {
    if (this.progressToken === undefined) return NOTHING;
    const value = progress > this.lastSent ? progress : above(this.lastSent);
    this.lastSent = value;
    // Members without a value are omitted from JSON.
    const params = { progressToken: this.progressToken, progress: value, total, message };
    return [this.encode('notifications/progress', params)];
  }

  private encode(method: string, params: Params): string {
    return encodeNotification(method, fitParams(method, params, this.exchange.revision));
  }
}

const NOTHING: readonly string[] = [];

function isToken(value: unknown): value is string | number {
  return typeof value === 'string' ? value.length <= 1024 : typeof value === 'number';
}

/** The next value above the last one sent, without binary fraction noise where possible. */
function above(value: number): number {
  const next = Number((value + STEP).toFixed(6));
  return next > value ? next : value + Math.max(STEP, Math.abs(value) * 1e-12);
}
