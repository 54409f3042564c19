import { isRecord, type ForgeFrame } from './frame.js';
import { LineSplitter } from './line-splitter.js';

export type LogStream = 'stdout' | 'stderr';

export interface LogLine {
  readonly stream: LogStream;
  readonly text: string;
}

const STREAM_OF: Readonly<Record<string, LogStream>> = { STDOUT: 'stdout', STDERR: 'stderr' };
/** Skipped entry numbers that may still arrive; beyond the limit the oldest are given up. */
const MAX_MISSING = 1000;

/**
 * Decodes a process's raw log into lines. Forge sends up to 10 ms of output as a numbered entry, which may end within
 * a line; the older API sends lines as text. Each socket replays the log, so call `reset` on every open.
 */
export class LogDecoder {
  private splitters = newSplitters();
  private next = 0;
  private missing = new Set<number>();

  reset(): void {
    this.splitters = newSplitters();
    this.next = 0;
    this.missing = new Set();
  }

  /** @returns the lines that this frame completes */
  accept(frame: ForgeFrame): LogLine[] {
    switch (frame.kind) {
      case 'patch':
        return frame.operations.flatMap(({ op, path, value }) =>
          op === 'remove' || path[0] !== 'entries' ? [] : this.acceptEntry(Number(path[1]), value),
        );
      case 'text':
      case 'object':
        // A log line may happen to be JSON.
        return textLines(frame.text);
      case 'finished':
        return this.end();
      default:
        return [];
    }
  }

  /** The log is complete: unfinished lines end here. */
  end(): LogLine[] {
    return (['stdout', 'stderr'] as const).flatMap((stream) =>
      this.splitters[stream].end().map((text) => ({ stream, text })),
    );
  }

  private acceptEntry(index: number, entry: unknown): LogLine[] {
    if (!isRecord(entry) || typeof entry.type !== 'string' || typeof entry.content !== 'string') return [];
    const stream = STREAM_OF[entry.type];
    if (!stream || !this.isNew(index)) return [];
    return this.splitters[stream].push(entry.content).map((text) => ({ stream, text }));
  }

  /** Entries may arrive twice or late; an entry without a number is always new. */
  private isNew(index: number): boolean {
    if (!Number.isSafeInteger(index)) return true;
    if (index < this.next) return this.missing.delete(index);
    for (let skipped = Math.max(this.next, index - MAX_MISSING); skipped < index; skipped++) {
      this.missing.add(skipped);
      if (this.missing.size > MAX_MISSING) this.missing.delete(this.missing.values().next().value ?? -1);
    }
    this.next = index + 1;
    return true;
  }
}

function newSplitters(): Record<LogStream, LineSplitter> {
  return { stdout: new LineSplitter(), stderr: new LineSplitter() };
}

/** A frame of the older API is a line, whether or not it ends in a newline. */
function textLines(text: string): LogLine[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => ({ stream: 'stdout', text: line }));
}
