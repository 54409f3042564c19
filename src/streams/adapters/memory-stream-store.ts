import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { nextGeneration } from '../offset.js';
import type { StreamLimits } from '../quota.js';
import { type StreamCommand, StreamStore, type StreamUsage, type Written } from '../stream-store.js';
import { isOver, StreamWriter } from '../stream-writer.js';
import { endOf, type StreamEntry, type StreamHead } from '../stream.js';
import { MemoryStreamRows } from './memory-stream-rows.js';

const isOpenOperation = ({ operationId, closed, deleted }: StreamHead): boolean =>
  operationId !== null && !closed && !deleted;

/** Streams in the memory of this process: for tests, and for runs that leave nothing behind. */
export class MemoryStreamStore extends StreamStore {
  private readonly rows = new MemoryStreamRows();
  private readonly writer: StreamWriter;

  constructor(limits: StreamLimits) {
    super();
    this.writer = new StreamWriter(this.rows, limits, nextGeneration(Date.now()));
  }

  override write(
    commands: readonly StreamCommand[],
    now: number,
  ): Promise<readonly (Written | OpstreamError)[]> {
    return Promise.resolve(
      commands.map((command) => {
        try {
          return this.writer.carryOut(command, now);
        } catch (thrown) {
          if (thrown instanceof OpstreamError) return thrown;
          throw thrown;
        }
      }),
    );
  }

  override find(tenant: string, path: string): Promise<StreamHead | undefined> {
    return Promise.resolve(this.rows.byPath(tenant, path));
  }

  override readAfter({ id }: StreamHead, seq: number, maxBytes: number): Promise<readonly StreamEntry[]> {
    const found: StreamEntry[] = [];
    const head = this.rows.byId(id);
    let size = 0;
    for (const entry of head ? this.rows.entriesFrom(head, seq + 1) : []) {
      found.push({ ...entry, isNewest: entry.seq === head?.lastSeq });
      size += entry.data.length;
      if (size >= maxBytes) break;
    }
    return Promise.resolve(found);
  }

  override seqAt(head: StreamHead, position: number): Promise<number> {
    for (const entry of this.rows.entriesFrom(head, 1)) {
      if (endOf(entry) > position) return Promise.resolve(entry.seq);
    }
    return Promise.resolve(head.lastSeq + 1);
  }

  override extend(expiry: ReadonlyMap<number, number>): Promise<void> {
    for (const [id, expiresAtMs] of expiry) {
      const head = this.rows.byId(id);
      if (head)
        this.rows.update({ ...head, expiresAtMs }, { streamSeq: null, producer: null, closedBy: null });
    }
    return Promise.resolve();
  }

  override expire(now: number, limit: number): Promise<readonly StreamHead[]> {
    const over: StreamHead[] = [];
    for (const head of this.rows.all()) {
      if (over.length < limit && !head.deleted && isOver(head, now)) over.push(head);
    }
    for (const head of over) this.writer.remove(head);
    return Promise.resolve(over);
  }

  override openWithOperation(): Promise<readonly StreamHead[]> {
    return Promise.resolve([...this.rows.all()].filter(isOpenOperation));
  }

  override usage(tenant?: string): Promise<StreamUsage> {
    return Promise.resolve(tenant === undefined ? this.rows.totalUsage() : this.rows.usage(tenant));
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }
}
