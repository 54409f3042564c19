import type { DiffDecoder } from '../decoding/diff-decoder.js';
import type { LogStream } from '../decoding/log-decoder.js';
import type { MirrorDetails } from './mirror-events.js';

/** What a mirroring operation has recorded so far, so that replays are not recorded again. */
export class MirrorRecord {
  diffs = 0;
  private readonly lines = new Map<string, number>();
  /** How often each normalized entry was recorded, by process and content. */
  private readonly entries = new Map<string, number>();
  private readonly statuses = new Map<string, string>();

  /** @param decoder learns the diffs, so that it omits them from a replay */
  constructor(private readonly decoder: DiffDecoder) {}

  get logLines(): number {
    let sum = 0;
    for (const count of this.lines.values()) sum += count;
    return sum;
  }

  /** Recorded lines of a process's stream. */
  linesOf(processId: string, stream: LogStream | 'agent'): number {
    return this.lines.get(`${processId}/${stream}`) ?? 0;
  }

  entriesOf(processId: string, fingerprint: string): number {
    return this.entries.get(`${processId}/${fingerprint}`) ?? 0;
  }

  statusOf(processId: string): string | undefined {
    return this.statuses.get(processId);
  }

  /** Updates the record from an event, when it is recorded or read back. */
  note(details: MirrorDetails): void {
    switch (details.kind) {
      case 'diff':
        this.diffs++;
        if (details.fingerprint !== null) this.decoder.remember(details.file, details.fingerprint);
        break;
      case 'log':
        this.lines.set(`${details.process_id}/${details.stream}`, details.line);
        if (details.fingerprint !== undefined) {
          const entry = `${details.process_id}/${details.fingerprint}`;
          this.entries.set(entry, (this.entries.get(entry) ?? 0) + 1);
        }
        break;
      case 'process':
        this.statuses.set(details.process_id, details.status);
        break;
      case 'stream_error':
        break;
    }
  }
}
