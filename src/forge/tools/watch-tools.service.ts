import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { z } from 'zod';
import type { ToolContext } from '../../mcp/tools/tool-context.js';
import { Tool } from '../../mcp/tools/tool.decorator.js';
import { LogFollower } from '../../operations/log-follower.service.js';
import type { RecordedEvent } from '../../operations/operation-event.js';
import { ForgeMirrors } from '../mirror/forge-mirrors.service.js';
import { mayBe, mirrorDetails } from '../mirror/mirror-events.js';

const Watch = z.object({
  attempt_id: z.string().describe('Task attempt UUID to watch'),
  duration_seconds: z
    .number()
    .positive()
    .max(86_400)
    .optional()
    .default(300)
    .describe('How long to watch (default: 5 minutes)'),
});

const PREVIEW_LENGTH = 100;

/** Follows an attempt live: the diffs come from the operation that mirrors the attempt. */
@Injectable()
export class WatchTools implements OnModuleDestroy {
  readonly toolSet = 'forge';

  private readonly shutdown = new AbortController();

  constructor(
    private readonly mirrors: ForgeMirrors,
    private readonly follower: LogFollower,
  ) {}

  onModuleDestroy(): void {
    this.shutdown.abort();
  }

  @Tool({
    scope: ['forge', 'operations:write'],
    name: 'forge_watch_task',
    description: 'Watch task execution in real-time via WebSocket streaming',
    parameters: Watch,
    annotations: { streamingHint: true, readOnlyHint: true },
  })
  async watch(
    { attempt_id, duration_seconds }: z.output<typeof Watch>,
    context: ToolContext,
  ): Promise<string> {
    const { log, reportProgress, principal, signal } = context;
    log.info(`Starting to watch task attempt: ${attempt_id}`);
    await reportProgress({ progress: 0, total: 100 });
    const durationMs = duration_seconds * 1000;
    const started = Date.now();
    const timeout = AbortSignal.timeout(durationMs);
    const stop = AbortSignal.any([timeout, signal, this.shutdown.signal]);
    const { operation, leave } = await this.mirrors.watchForNow(principal.tenant, attempt_id);
    let updates = 0;
    let last: RecordedEvent | undefined;
    let lost = '';
    const { operationId } = operation;
    try {
      for await (const event of this.follower.follow(
        { tenant: principal.tenant, operationId },
        { signal: stop },
      )) {
        last = event;
        const text = diffText(event, updates + 1);
        if (text !== undefined) {
          updates++;
          await context.streamContent({ type: 'text', text });
          const elapsed = Date.now() - started;
          await reportProgress({
            progress: Math.min(99, Math.floor((elapsed / durationMs) * 100)),
            total: 100,
          });
        }
        const problem = streamError(event);
        if (problem) log.error(problem.message);
        // Recording resumes when Forge is back; the watcher is told now.
        if (problem?.lost) {
          lost = `. ${problem.message}`;
          break;
        }
      }
    } finally {
      leave();
    }
    if (timeout.aborted) return `Watch completed. Received ${updates} updates over ${duration_seconds}s`;
    if (stop.aborted || last?.type === 'cancelled') return `Watch interrupted. Received ${updates} updates.`;
    const seconds = Math.round((Date.now() - started) / 1000);
    return `Watch completed. Received ${updates} updates over ${seconds}s${lost || reasonOf(last)}`;
  }
}

/** `[Diff #1] path: changes...`, for an event that is a diff. */
function diffText(event: RecordedEvent, number: number): string | undefined {
  const details = mayBe('diff', event) ? mirrorDetails(event) : undefined;
  if (details?.kind !== 'diff') return undefined;
  const changes = details.beginning ?? JSON.stringify(details.changes);
  const preview = changes.substring(0, PREVIEW_LENGTH);
  return `[Diff #${number}] ${details.file}: ${preview}...\n`;
}

/** The text of a stream error, and whether Forge was given up for now. */
function streamError(event: RecordedEvent): { readonly message: string; readonly lost: boolean } | undefined {
  const details = mayBe('stream_error', event) ? mirrorDetails(event) : undefined;
  if (details?.kind !== 'stream_error') return undefined;
  const { message } = JSON.parse(event.data) as { message: string };
  return { message, lost: details.lost === true };
}

/** Why an attempt failed; empty when it succeeded. */
function reasonOf(last: RecordedEvent | undefined): string {
  return last?.type === 'error' ? `. ${(JSON.parse(last.data) as { error: string }).error}` : '';
}
