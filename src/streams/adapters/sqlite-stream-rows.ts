import type { WriterState } from '../decide-append.js';
import type { GenerationStart } from '../offset.js';
import type { StreamRows, WriterChange } from '../stream-rows.js';
import type { StreamUsage } from '../stream-store.js';
import type { ProducerSequence, StreamEntry, StreamHead } from '../stream.js';
import type { EntryPlace, StreamRow, StreamStatements } from './sqlite-stream-statements.js';

const NOTHING: StreamUsage = { streams: 0, bytes: 0 };
/** Streams whose rows are kept in memory; with their texts, a kilobyte each. */
const MAX_KNOWN = 4096;

interface Known {
  head: StreamHead;
  streamSeq: string | null;
  closedBy: ProducerSequence | null;
  forks: number;
}

/**
 * The tables of SQLite, inside the transaction that the store has begun. What was read stays known, since nobody else
 * writes the tables; what changes is written once per transaction, however many appends share it.
 */
export class SqliteStreamRows implements StreamRows {
  private readonly known = new Map<number, Known>();
  private readonly ids = new Map<string, number>();
  private readonly changed = new Set<Known>();
  /** Counted when it is first asked for, and kept up to date from then on. */
  private used: Map<string, StreamUsage> | undefined;
  private total = 0;

  constructor(private readonly statements: StreamStatements) {}

  /** Writes down what has changed; the transaction can be committed then. */
  flush(): void {
    for (const { head, streamSeq, closedBy } of this.changed) {
      this.statements.update.run({
        ...toColumns(head),
        id: head.id,
        streamSeq,
        closedBy: closedBy && JSON.stringify(closedBy),
      });
    }
    this.changed.clear();
    if (this.known.size > MAX_KNOWN) this.forgetStreams();
  }

  /** Nothing is known any more: the transaction was undone. */
  forget(): void {
    this.forgetStreams();
    this.used = undefined;
  }

  private forgetStreams(): void {
    this.known.clear();
    this.ids.clear();
    this.changed.clear();
  }

  byPath(tenant: string, path: string): StreamHead | undefined {
    const id = this.ids.get(keyOf(tenant, path));
    if (id !== undefined) return this.known.get(id)?.head;
    const row = this.statements.byPath.get(tenant, path);
    return row && this.remember(row).head;
  }

  byId(id: number): StreamHead | undefined {
    return this.load(id)?.head;
  }

  writers(id: number, producerId: string | null): WriterState {
    const { streamSeq, closedBy } = this.load(id)!;
    return {
      streamSeq,
      closedBy,
      producer: (producerId !== null && this.statements.producer.get(id, producerId)) || null,
    };
  }

  forks(id: number): number {
    return this.load(id)?.forks ?? 0;
  }

  usage(tenant: string): StreamUsage {
    return this.allUsage().get(tenant) ?? NOTHING;
  }

  totalUsage(): StreamUsage {
    let streams = 0;
    for (const used of this.allUsage().values()) streams += used.streams;
    return { streams, bytes: this.total };
  }

  totalBytes(): number {
    this.allUsage();
    return this.total;
  }

  entriesBefore(head: StreamHead, position: number): number {
    const { fork } = head;
    if (fork && position <= fork.position) return this.entriesBefore(this.byId(fork.sourceId)!, position);
    return this.lastEntry(head, ({ start }) => start < position)?.seq ?? fork?.entries ?? 0;
  }

  /** The seq of the entry that holds what stands at a position. */
  seqAt(head: StreamHead, position: number): number {
    const { fork } = head;
    const source = fork && position < fork.position ? this.byId(fork.sourceId) : undefined;
    if (source) return this.seqAt(source, position);
    const entry = this.lastEntry(head, ({ start }) => start <= position);
    if (!entry) return (fork?.entries ?? 0) + 1;
    return entry.start + entry.length > position ? entry.seq : entry.seq + 1;
  }

  /** The last of a stream's own entries for which something holds that holds for all before it. */
  private lastEntry(
    { id, fork, lastSeq }: StreamHead,
    holds: (place: EntryPlace) => boolean,
  ): (EntryPlace & { readonly seq: number }) | undefined {
    // Seqs have no gaps, so that places need no index of their own, which every append would have to write.
    let low = fork?.entries ?? 0;
    let high = lastSeq;
    let found: (EntryPlace & { readonly seq: number }) | undefined;
    while (low < high) {
      const seq = Math.ceil((low + high) / 2);
      const place = this.statements.entryPlace.get(id, seq);
      if (place && holds(place)) {
        found = { ...place, seq };
        low = seq;
      } else high = seq - 1;
    }
    return found;
  }

  insert(head: Omit<StreamHead, 'id'>): StreamHead {
    const { lastInsertRowid } = this.statements.insert.run(toColumns(head));
    const inserted = { ...head, id: Number(lastInsertRowid) };
    this.keep({ head: inserted, streamSeq: null, closedBy: null, forks: 0 });
    return inserted;
  }

  update(head: StreamHead, { streamSeq, producer, closedBy }: WriterChange): void {
    const known = this.load(head.id);
    if (!known) return;
    known.head = head;
    known.streamSeq = streamSeq ?? known.streamSeq;
    known.closedBy = closedBy ?? known.closedBy;
    this.changed.add(known);
    if (producer) this.statements.putProducer.run(head.id, producer.id, producer.epoch, producer.seq);
  }

  addEntries(id: number, entries: readonly StreamEntry[]): void {
    for (const { seq, start, length, closes, data } of entries)
      this.statements.addEntry.run(id, seq, start, length, Number(closes), data);
  }

  addForks(id: number, count: 1 | -1): void {
    const known = this.load(id);
    if (known) known.forks += count;
    this.statements.addForks.run(count, id);
  }

  addUsage(tenant: string, { streams, bytes }: StreamUsage): void {
    const used = this.usage(tenant);
    this.total += bytes;
    this.allUsage().set(tenant, { streams: used.streams + streams, bytes: used.bytes + bytes });
  }

  private allUsage(): Map<string, StreamUsage> {
    if (this.used) return this.used;
    this.used = new Map();
    this.total = 0;
    for (const { tenant, streams, bytes } of this.statements.usage.all()) {
      this.used.set(tenant, { streams, bytes });
      this.total += bytes;
    }
    return this.used;
  }

  delete({ id, tenant, path }: StreamHead): void {
    const known = this.known.get(id);
    if (known) this.changed.delete(known);
    this.known.delete(id);
    this.ids.delete(keyOf(tenant, path));
    this.statements.remove.run(id);
    this.statements.addGarbage.run(id);
  }

  private load(id: number): Known | undefined {
    const known = this.known.get(id);
    if (known) return known;
    const row = this.statements.byId.get(id);
    return row && this.remember(row);
  }

  private remember(row: StreamRow): Known {
    const { closed_by: closedBy, stream_seq: streamSeq, forks } = row;
    return this.keep({
      head: toHead(row),
      streamSeq,
      closedBy: closedBy === null ? null : (JSON.parse(closedBy) as ProducerSequence),
      forks,
    });
  }

  private keep(known: Known): Known {
    const { id, tenant, path } = known.head;
    this.known.set(id, known);
    this.ids.set(keyOf(tenant, path), id);
    return known;
  }
}

const keyOf = (tenant: string, path: string): string => `${tenant}\0${path}`;

export function toHead(row: StreamRow): StreamHead {
  return {
    id: row.stream,
    tenant: row.tenant,
    path: row.path,
    contentType: row.content_type,
    lifetime: { ttlSeconds: row.ttl_seconds, expiresAt: row.expires_at },
    expiresAtMs: row.expires_at_ms,
    closed: row.closed === 1,
    deleted: row.deleted === 1,
    isPublic: row.is_public === 1,
    tail: row.tail,
    lastSeq: row.last_seq,
    bytes: row.bytes,
    generations: JSON.parse(row.generations) as GenerationStart[],
    fork:
      row.source === null
        ? null
        : {
            sourceId: row.source,
            sourcePath: row.source_path!,
            position: row.fork_position!,
            entries: row.fork_entries!,
            offset: row.fork_offset,
            subOffset: row.fork_sub_offset!,
          },
    operationId: row.operation_id,
  };
}

function toColumns(head: Omit<StreamHead, 'id'>): Record<string, unknown> {
  const { fork, lifetime } = head;
  return {
    tenant: head.tenant,
    path: head.path,
    contentType: head.contentType,
    ttlSeconds: lifetime.ttlSeconds,
    expiresAt: lifetime.expiresAt,
    expiresAtMs: head.expiresAtMs,
    closed: Number(head.closed),
    deleted: Number(head.deleted),
    isPublic: Number(head.isPublic),
    tail: head.tail,
    lastSeq: head.lastSeq,
    bytes: head.bytes,
    generations: JSON.stringify(head.generations),
    source: fork?.sourceId ?? null,
    sourcePath: fork?.sourcePath ?? null,
    forkPosition: fork?.position ?? null,
    forkEntries: fork?.entries ?? null,
    forkOffset: fork?.offset ?? null,
    forkSubOffset: fork?.subOffset ?? null,
    operationId: head.operationId,
  };
}
