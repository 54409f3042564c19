import type { WriterState } from '../decide-append.js';
import { headOf } from '../entry-data.js';
import { inherited } from '../grow.js';
import type { StreamRows, WriterChange } from '../stream-rows.js';
import type { StreamUsage } from '../stream-store.js';
import type { ProducerSequence, StreamEntry, StreamHead } from '../stream.js';

interface Row {
  head: StreamHead;
  /** Its own, without what it inherits. */
  readonly entries: StreamEntry[];
  readonly producers: Map<string, ProducerSequence>;
  streamSeq: string | null;
  closedBy: ProducerSequence | null;
  forks: number;
}

const NOTHING: StreamUsage = { streams: 0, bytes: 0 };
const keyOf = (tenant: string, path: string): string => `${tenant}\0${path}`;

export class MemoryStreamRows implements StreamRows {
  private readonly rows = new Map<number, Row>();
  private readonly ids = new Map<string, number>();
  private readonly used = new Map<string, StreamUsage>();
  private lastId = 0;
  private total = 0;

  byPath(tenant: string, path: string): StreamHead | undefined {
    return this.rows.get(this.ids.get(keyOf(tenant, path)) ?? 0)?.head;
  }

  byId(id: number): StreamHead | undefined {
    return this.rows.get(id)?.head;
  }

  all(): Iterable<StreamHead> {
    return [...this.rows.values()].map(({ head }) => head);
  }

  writers(id: number, producerId: string | null): WriterState {
    const { streamSeq, closedBy, producers } = this.rows.get(id)!;
    return { streamSeq, closedBy, producer: (producerId !== null && producers.get(producerId)) || null };
  }

  forks(id: number): number {
    return this.rows.get(id)?.forks ?? 0;
  }

  usage(tenant: string): StreamUsage {
    return this.used.get(tenant) ?? NOTHING;
  }

  totalBytes(): number {
    return this.total;
  }

  totalUsage(): StreamUsage {
    return [...this.used.values()].reduce(sum, NOTHING);
  }

  entriesBefore(head: StreamHead, position: number): number {
    let count = 0;
    for (const { seq, start } of this.entriesFrom(head, 1)) {
      if (start >= position) break;
      count = seq;
    }
    return count;
  }

  insert(head: Omit<StreamHead, 'id'>): StreamHead {
    const inserted = { ...head, id: ++this.lastId };
    this.ids.set(keyOf(head.tenant, head.path), inserted.id);
    this.rows.set(inserted.id, {
      head: inserted,
      entries: [],
      producers: new Map(),
      streamSeq: null,
      closedBy: null,
      forks: 0,
    });
    return inserted;
  }

  update(head: StreamHead, { streamSeq, producer, closedBy }: WriterChange): void {
    const row = this.rows.get(head.id)!;
    row.head = head;
    row.streamSeq = streamSeq ?? row.streamSeq;
    row.closedBy = closedBy ?? row.closedBy;
    if (producer) row.producers.set(producer.id, producer);
  }

  addEntries(id: number, entries: readonly StreamEntry[]): void {
    this.rows.get(id)!.entries.push(...entries);
  }

  addForks(id: number, count: 1 | -1): void {
    this.rows.get(id)!.forks += count;
  }

  addUsage(tenant: string, change: StreamUsage): void {
    this.total += change.bytes;
    const used = sum(this.usage(tenant), change);
    if (used.streams === 0) this.used.delete(tenant);
    else this.used.set(tenant, used);
  }

  delete({ id, tenant, path }: StreamHead): void {
    this.rows.delete(id);
    this.ids.delete(keyOf(tenant, path));
  }

  /** From a seq on, inherited entries first. */
  *entriesFrom(head: StreamHead, seq: number): Generator<StreamEntry> {
    const { fork } = head;
    if (fork && seq <= fork.entries) {
      const source = this.byId(fork.sourceId);
      for (const entry of source ? this.entriesFrom(source, seq) : []) {
        if (entry.seq > fork.entries) break;
        yield inherited(entry, fork.position, headOf(head.contentType));
      }
    }
    const own = this.rows.get(head.id)?.entries ?? [];
    const first = (fork?.entries ?? 0) + 1;
    for (let index = Math.max(0, seq - first); index < own.length; index++) yield own[index]!;
  }
}

const sum = (one: StreamUsage, other: StreamUsage): StreamUsage => ({
  streams: one.streams + other.streams,
  bytes: one.bytes + other.bytes,
});
