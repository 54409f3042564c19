import { setTimeout as delay } from 'node:timers/promises';
import type { BoundedResponse } from '../../../platform/http/bounded-response.js';
import { FetchError } from '../../../platform/http/fetch-error.js';
import { MAX_ANSWER_BYTES } from '../peer-channel.js';
import { readEvents } from './sse-reader.js';

const DEFAULT_RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;
/** A stream that was open this long resets the backoff. */
const STABLE_MS = 10_000;
/** The peer has no such stream. */
const NOT_OFFERED: ReadonlySet<number> = new Set([405, 501]);

export interface StandingStreamEvents {
  get(lastEventId: string | undefined, signal: AbortSignal): Promise<BoundedResponse>;
  message(text: string): Promise<void> | undefined;
  /** A refusal that may mean that the session has ended; only the answer to a request can tell. */
  doubtful(reason: string): void;
  unreachable(error: FetchError): void;
}

/** The GET stream for a peer's server-initiated messages. Reconnects forever, with growing delays. */
export class StandingStream {
  private readonly stopping = new AbortController();

  constructor(private readonly events: StandingStreamEvents) {}

  start(): void {
    void this.run().catch(() => undefined);
  }

  stop(): void {
    this.stopping.abort();
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    let lastEventId: string | undefined;
    let retryMs = DEFAULT_RETRY_MS;
    for (let failures = 0; !signal.aborted;) {
      const since = performance.now();
      try {
        const response = await this.events.get(lastEventId, signal);
        if (NOT_OFFERED.has(response.status)) return response.cancel();
        if (response.ok && response.type === 'text/event-stream') {
          for await (const event of readEvents(response.chunks(), MAX_ANSWER_BYTES)) {
            lastEventId = event.id ?? lastEventId;
            retryMs = event.retryMs ?? retryMs;
            if (event.data !== '') await this.events.message(event.data);
          }
        } else {
          response.cancel();
          const maybeGone = response.status === 404 || response.status === 400;
          if (maybeGone) this.events.doubtful(`its stream was refused with ${response.status}`);
        }
      } catch (thrown) {
        if (signal.aborted) return;
        if (thrown instanceof FetchError && thrown.kind === 'unreachable')
          return this.events.unreachable(thrown);
        // A broken stream counts as ended.
      }
      failures = performance.now() - since >= STABLE_MS ? 1 : failures + 1;
      const wait = Math.min(MAX_RETRY_MS, retryMs * 2 ** Math.min(failures - 1, 16));
      await delay(wait, undefined, { signal });
    }
  }
}
