import type { ForgeFrame } from '../decoding/frame.js';
import { LineSplitter } from '../decoding/line-splitter.js';
import { LogDecoder, type LogLine, type LogStream } from '../decoding/log-decoder.js';
import { lineEvent, type MirrorEvent } from './mirror-events.js';
import type { MirrorRecord } from './mirror-record.js';

/**
 * Records the log of one process. Lines are counted per stream from the beginning of each replay, and those already
 * recorded are skipped. Chunks may be cut differently each time, lines are not.
 */
export class ProcessLog {
  private readonly decoder = new LogDecoder();
  private position: Record<LogStream, number> = { stdout: 0, stderr: 0 };

  constructor(
    private readonly processId: string,
    private readonly record: MirrorRecord,
  ) {}

  /** The log is replayed from its beginning. */
  restart(): void {
    this.decoder.reset();
    this.position = { stdout: 0, stderr: 0 };
  }

  accept(frame: ForgeFrame): MirrorEvent[] {
    return this.decoder.accept(frame).flatMap((line) => this.event(line));
  }

  /**
   * Takes the whole log as one text, as the older API has it in its process records.
   * @param complete false while the process may still extend the last line
   */
  acceptText(text: string, complete: boolean): MirrorEvent[] {
    this.restart();
    const splitter = new LineSplitter();
    const lines = [...splitter.push(text), ...(complete ? splitter.end() : [])];
    return lines.flatMap((line) => this.event({ stream: 'stdout', text: line }));
  }

  private event(line: LogLine): MirrorEvent[] {
    const number = ++this.position[line.stream];
    if (number <= this.record.linesOf(this.processId, line.stream)) return [];
    return [lineEvent(this.processId, line, number)];
  }
}
