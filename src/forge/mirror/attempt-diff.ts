import type { DiffDecoder } from '../decoding/diff-decoder.js';
import type { ForgeStream, StreamEnd } from '../streams/forge-stream.js';
import { isLegacyUrl } from '../streams/stream-urls.js';
import type { ForgeStreams } from '../streams/forge-streams.service.js';
import { diffEvent, streamErrorEvent, type MirrorEvent } from './mirror-events.js';

export interface DiffTarget {
  record(events: readonly MirrorEvent[]): Promise<void>;
  /** The stream has opened, or ended for good. */
  diffChanged(): void;
  /** Forge is no longer reachable. */
  onUnavailable(error: Error): void;
}

/** Follows the diff of an attempt. Its stream also reports outages on behalf of the other streams. */
export class AttemptDiff {
  private stream: ForgeStream | undefined;
  private lastError = '';
  private end: 'finished' | 'refused' | undefined;
  private moved = 0;

  constructor(
    private readonly tenant: string,
    private readonly attemptId: string,
    private readonly streams: ForgeStreams,
    private readonly decoder: DiffDecoder,
    private readonly target: DiffTarget,
  ) {}

  /** Why the stream ended; undefined while it is active. */
  get ended(): 'finished' | 'refused' | undefined {
    return this.end;
  }

  /** Milliseconds; when the stream last delivered something or opened. 0 before that. */
  get movedAt(): number {
    return this.moved;
  }

  /** Read from a server with the older API, which does not tell when a run ends. */
  get isLegacy(): boolean {
    return this.stream !== undefined && isLegacyUrl(this.stream.url);
  }

  open(): void {
    this.stream = this.streams.open(this.tenant, 'diff', this.attemptId, {
      onOpen: () => {
        this.decoder.reset();
        this.moved = Date.now();
        this.lastError = '';
        this.target.diffChanged();
      },
      onFrame: async (frame) => {
        this.moved = Date.now();
        await this.target.record(this.decoder.accept(frame).map(diffEvent));
      },
      onError: (error) => void this.recordError(error),
      onEnd: (end) => void this.streamEnded(end),
    });
  }

  close(): void {
    this.stream?.close();
    this.stream = undefined;
  }

  private async streamEnded(end: StreamEnd): Promise<void> {
    this.stream = undefined;
    if (end.reason === 'unreachable') {
      this.target.onUnavailable(end.error);
      return;
    }
    this.end = end.reason;
    if (end.reason === 'refused') await this.recordError(end.error);
    this.target.diffChanged();
  }

  /** Once per outage, however many attempts fail. */
  private async recordError(error: Error): Promise<void> {
    if (error.message === this.lastError) return;
    this.lastError = error.message;
    await this.target.record([streamErrorEvent('diff', error)]);
  }
}
