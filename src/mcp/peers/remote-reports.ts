import { setImmediate as nextTurn } from 'node:timers/promises';
import { isObject, type Params } from '../protocol/json-rpc.js';
import type { ToolContext, ToolLog } from '../tools/tool-context.js';
import type { ContentBlock } from '../tools/tool-result.js';
import { MAX_ANSWER_BYTES } from './peer-channel.js';

export type RemoteReport =
  | { readonly kind: 'progress'; readonly params: Params }
  | { readonly kind: 'content'; readonly blocks: readonly ContentBlock[] }
  | { readonly kind: 'log'; readonly params: Params };

/** Above this a transport that can wait stops reading; above the second, the call ends. In bytes, and in reports. */
const HIGH_WATER = { bytes: 512 * 1024, reports: 512 };
const MAX = { bytes: 8 * 1024 * 1024, reports: 20_000 };

/**
 * Everything that a peer reports about one call, as one queue: recorded and forwarded in order. The queue is bounded:
 * a peer that reports faster than that can be recorded has to wait, or loses the call.
 */
export class RemoteReports {
  private queue: { readonly report: RemoteReport; readonly bytes: number }[] = [];
  private bytes = 0;
  private total = 0;
  private working: Promise<void> | undefined;
  private closed = false;
  /** Stop waiting for content that may repeat a progress report. */
  private hurry = false;
  private roomMade: (() => void)[] = [];

  /** @param overflow ends the call */
  constructor(
    private readonly context: ToolContext,
    private readonly overflow: (reason: string) => void,
  ) {}

  add(report: RemoteReport, bytes: number): void {
    if (this.closed) return;
    this.queue.push({ report, bytes });
    this.bytes += bytes;
    this.total += bytes;
    if (this.bytes > MAX.bytes || this.queue.length > MAX.reports) {
      return this.close('the peer reports faster than its reports can be recorded');
    }
    if (this.total > MAX_ANSWER_BYTES) {
      return this.close(`the peer reported more than ${MAX_ANSWER_BYTES} bytes`);
    }
    this.working ??= this.work();
  }

  /** Resolves when a transport may read on; undefined when it may at once. */
  room(): Promise<void> | undefined {
    if (this.bytes <= HIGH_WATER.bytes && this.queue.length <= HIGH_WATER.reports) return undefined;
    return new Promise((resolve) => this.roomMade.push(resolve));
  }

  /** Resolves when all reports so far are recorded and sent. */
  async finished(): Promise<void> {
    this.hurry = true;
    while (this.working) await this.working;
    this.hurry = false;
  }

  private close(reason: string): void {
    this.closed = true;
    this.queue = [];
    this.overflow(reason);
  }

  private async work(): Promise<void> {
    for (let next = this.queue[0]; next; next = this.queue[0]) {
      // Content with the same text may follow a progress report; then only the content is passed on.
      if (next.report.kind === 'progress' && this.queue.length === 1 && !this.hurry) await nextTurn();
      const batch = this.queue;
      this.queue = [];
      for (const [index, { report, bytes }] of batch.entries()) {
        if (!repeats(batch[index + 1]?.report ?? this.queue[0]?.report, report)) await this.tell(report);
        this.bytes -= bytes;
      }
      for (const resolve of this.roomMade.splice(0)) resolve();
    }
    // In the same turn in which the queue was found empty, so that no report is left behind.
    this.working = undefined;
  }

  /** An invalid report is dropped; the call continues. */
  private async tell(report: RemoteReport): Promise<void> {
    try {
      if (report.kind === 'content') await this.context.streamContent(report.blocks);
      else if (report.kind === 'progress') await this.tellProgress(report.params);
      else this.tellLog(report.params);
    } catch {
      // The tool context has logged it.
    }
  }

  private async tellProgress({ progress, total, message }: Params): Promise<void> {
    if (typeof progress !== 'number') return;
    await this.context.reportProgress({
      progress,
      ...(typeof total === 'number' && { total }),
      ...(typeof message === 'string' && { message }),
    });
  }

  private tellLog({ level, logger, data }: Params): void {
    const { message, rest } = lineOf(data);
    const named = typeof logger === 'string' && logger !== '' ? `${logger}: ${message}` : message;
    this.context.log[levelOf(level)](named, rest);
  }
}

function repeats(next: RemoteReport | undefined, report: RemoteReport): boolean {
  if (report.kind !== 'progress' || next?.kind !== 'content' || typeof report.params.message !== 'string')
    return false;
  const text = next.blocks.map((block) => (block.type === 'text' ? block.text : '')).join('');
  return text === report.params.message;
}

/** A log message and its remaining data, without repetition. */
function lineOf(data: unknown): { readonly message: string; readonly rest: unknown } {
  if (typeof data === 'string') return { message: data, rest: undefined };
  if (!isObject(data) || typeof data.message !== 'string') {
    return { message: JSON.stringify(data) ?? '', rest: undefined };
  }
  const { message, ...more } = data;
  const names = Object.keys(more);
  if (names.length === 0) return { message, rest: undefined };
  // Our own form of a message with context.
  return { message, rest: names.length === 1 && names[0] === 'context' ? more.context : more };
}

function levelOf(level: unknown): keyof ToolLog {
  if (level === 'debug') return 'debug';
  if (level === 'info' || level === 'notice') return 'info';
  return level === 'warning' ? 'warn' : 'error';
}
