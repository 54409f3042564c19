import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { z } from 'zod';
import type { ToolContext } from '../../mcp/tools/tool-context.js';
import { Tool } from '../../mcp/tools/tool.decorator.js';
import { ForgeClient } from '../api/forge-client.service.js';
import type { ExecutionProcess } from '../api/forge-records.js';
import { FINAL_STATES, outcomeOf } from '../mirror/run-outcome.js';
import { StreamReader } from '../streams/stream-reader.service.js';

const PollingWatch = z.object({
  attempt_id: z.string().describe('Task attempt UUID to watch'),
  poll_interval_ms: z.number().min(10).max(600_000).optional().default(1000),
  max_duration_seconds: z.number().positive().max(86_400).optional().default(300),
});

/** Watches an attempt by polling. */
@Injectable()
export class PollingWatchTools implements OnModuleDestroy {
  readonly toolSet = 'forge';

  private readonly shutdown = new AbortController();

  constructor(
    private readonly forge: ForgeClient,
    private readonly reader: StreamReader,
  ) {}

  onModuleDestroy(): void {
    this.shutdown.abort();
  }

  @Tool({
    scope: 'forge',
    name: 'forge_watch_task_polling',
    description: 'Watch task execution via polling (simpler, less real-time)',
    parameters: PollingWatch,
    annotations: { streamingHint: true, readOnlyHint: true },
  })
  async watch(args: z.output<typeof PollingWatch>, context: ToolContext): Promise<string> {
    const { attempt_id, poll_interval_ms, max_duration_seconds } = args;
    context.log.info(`Watching task (polling every ${poll_interval_ms}ms)...`);
    const started = Date.now();
    const durationMs = max_duration_seconds * 1000;
    const stop = AbortSignal.any([context.signal, this.shutdown.signal]);
    /** Characters already shown of each process's log; a single index would mix them up. */
    const shown = new Map<string, number>();
    let updates = 0;
    while (Date.now() - started < durationMs && !stop.aborted) {
      let status;
      try {
        status = await this.poll(attempt_id, shown, context, stop);
      } catch (error) {
        if (stop.aborted) break;
        throw error;
      }
      updates++;
      const elapsed = Date.now() - started;
      const progress = Math.min(99, Math.floor((elapsed / durationMs) * 100));
      await context.reportProgress({ progress, total: 100 });
      if (FINAL_STATES.has(status)) break;
      // A long interval must not exceed the watch.
      const wait = Math.min(poll_interval_ms, durationMs - elapsed);
      if (wait > 0) await delay(wait, undefined, { signal: stop }).catch(() => {});
    }
    if (stop.aborted) return `Watch interrupted. Received ${updates} updates.`;
    await context.reportProgress({ progress: 100, total: 100 });
    return `Watch completed. Received ${updates} updates.`;
  }

  /** Polls once, shows what is new, and returns the attempt's status. */
  private async poll(
    attemptId: string,
    shown: Map<string, number>,
    { streamContent }: ToolContext,
    stop: AbortSignal,
  ): Promise<string> {
    const attempt = await this.forge.getTaskAttempt(attemptId, stop);
    // Attempts of Forge 0.7.4 have no status: it follows from their processes, which have to be fetched first.
    const early = attempt.status
      ? undefined
      : await this.forge.listExecutionProcesses(attemptId, false, stop);
    const status = attempt.status || statusOf(early ?? []);
    await streamContent({ type: 'text', text: `[${new Date().toISOString()}] Status: ${status}\n` });
    for (const process of early ?? (await this.forge.listExecutionProcesses(attemptId, false, stop))) {
      const log = await this.logOf(process);
      const text = log.substring(shown.get(process.id) ?? 0);
      shown.set(process.id, log.length);
      if (text !== '') await streamContent({ type: 'text', text });
    }
    return status;
  }

  private logOf({ id, logs, output }: ExecutionProcess): Promise<string> | string {
    return logs ?? output ?? this.reader.log(id);
  }
}

function statusOf(processes: readonly ExecutionProcess[]): string {
  return outcomeOf(processes)?.status ?? (processes.length === 0 ? 'pending' : 'running');
}
