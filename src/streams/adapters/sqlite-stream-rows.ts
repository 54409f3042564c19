import type { WriterState } from '../decide-append.js';
import type { GenerationStart } from '../offset.js';
import type { StreamRows, WriterChange } from '../stream-rows.js';
import type { StreamUsage } from '../stream-store.js';
import type { ProducerSequence, StreamEntry, StreamHead } from '../stream.js';
import type { StreamRow, StreamStatements } from './sqlite-stream-statements.js';

const NOTHING: StreamUsage = { streams: 0, bytes: 0 };

/** The tables of SQLite, inside the transaction that the store has begun. */
export class SqliteStreamRows implements StreamRows {
  constructor(private readonly statements: StreamStatements) {}

  byPath(tenant: string, path: string): StreamHead | undefined {
    const row = this.statements.byPath.get(tenant, path);
    return row && toHead(row);
  }

  byId(id: number): StreamHead | undefined {
    const row = this.statements.byId.get(id);
    return row && toHead(row);
  }

  writers(id: number, producerId: string | null): WriterState {
    const { stream_seq: streamSeq, closed_by: closedBy } = this.statements.byId.get(id)!;
    return {
      streamSeq,
      closedBy: closedBy === null ? null : (JSON.parse(closedBy) as ProducerSequence),
      producer: (producerId !== null && this.statements.producer.get(id, producerId)) || null,
    };
  }

  forks(id: number): number {
    return this.statements.byId.get(id)?.forks ?? 0;
  }

  usage(tenant: string): StreamUsage {
    return this.statements.usage.get(tenant) ?? NOTHING;
  }

  entriesBefore(head: StreamHead, position: number): number {
    const { fork } = head;
    if (fork && position <= fork.position) return this.entriesBefore(this.byId(fork.sourceId)!, position);
    return this.statements.entryBefore.get(head.id, position)?.seq ?? fork?.entries ?? 0;
  }

  /** The seq of the entry that holds what stands at a position. */
  seqAt(head: StreamHead, position: number): number {
    const { fork } = head;
    const source = fork && position < fork.position ? this.byId(fork.sourceId) : undefined;
    if (source) return this.seqAt(source, position);
    const entry = this.statements.entryFrom.get(head.id, position);
    if (!entry) return (fork?.entries ?? 0) + 1;
    return entry.start + entry.length > position ? entry.seq : entry.seq + 1;
  }

  insert(head: Omit<StreamHead, 'id'>): StreamHead {
    const { lastInsertRowid } = this.statements.insert.run(toColumns(head));
    return { ...head, id: Number(lastInsertRowid) };
  }

  update(head: StreamHead, { streamSeq, producer, closedBy }: WriterChange): void {
    this.statements.update.run({
      ...toColumns(head),
      id: head.id,
      streamSeq,
      closedBy: closedBy && JSON.stringify(closedBy),
    });
    if (producer) this.statements.putProducer.run(head.id, producer.id, producer.epoch, producer.seq);
  }

  addEntries(id: number, entries: readonly StreamEntry[]): void {
    for (const { seq, start, length, closes, data } of entries)
      this.statements.addEntry.run(id, seq, start, length, Number(closes), data);
  }

  addForks(id: number, count: 1 | -1): void {
    this.statements.addForks.run(count, id);
  }

  addUsage(tenant: string, { streams, bytes }: StreamUsage): void {
    this.statements.addUsage.run(tenant, streams, bytes);
    if (streams < 0) this.statements.dropUsage.run(tenant);
  }

  delete({ id }: StreamHead): void {
    this.statements.remove.run(id);
    this.statements.addGarbage.run(id);
  }
}

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
