import { overwritten, TerminalLines } from '../../client/protocol/terminal-text.js';
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
  private terminals = newTerminals();

  constructor(
    private readonly processId: string,
    private readonly record: MirrorRecord,
  ) {}

  /** The log is replayed from its beginning. */
  restart(): void {
    this.decoder.reset();
    this.position = { stdout: 0, stderr: 0 };
    this.terminals = newTerminals();
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
    const { stream } = line;
    const number = ++this.position[stream];
    // Also of a line that is skipped: its colours may last.
    const shown = this.terminals[stream].read(overwritten(line.text));
    if (number <= this.record.linesOf(this.processId, stream)) return [];
    return [lineEvent(this.processId, stream, shown, number)];
  }
}

function newTerminals(): Record<LogStream, TerminalLines> {
  return { stdout: new TerminalLines(), stderr: new TerminalLines() };
}
