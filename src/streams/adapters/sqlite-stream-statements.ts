import type BetterSqlite3 from 'better-sqlite3';

/** A row of `streams`. */
export interface StreamRow {
  readonly stream: number;
  readonly tenant: string;
  readonly path: string;
  readonly content_type: string;
  readonly ttl_seconds: number | null;
  readonly expires_at: string | null;
  readonly expires_at_ms: number | null;
  readonly closed: 0 | 1;
  readonly deleted: 0 | 1;
  readonly is_public: 0 | 1;
  readonly tail: number;
  readonly last_seq: number;
  readonly bytes: number;
  readonly generations: string;
  readonly source: number | null;
  readonly source_path: string | null;
  readonly fork_position: number | null;
  readonly fork_entries: number | null;
  readonly fork_offset: string | null;
  readonly fork_sub_offset: number | null;
  readonly forks: number;
  readonly stream_seq: string | null;
  readonly closed_by: string | null;
  readonly operation_id: string | null;
}

export interface EntryRow {
  readonly seq: number;
  readonly start: number;
  readonly length: number;
  readonly closes: 0 | 1;
  readonly data: Buffer;
}

/** Where an entry begins, and how far it goes. */
export type EntryPlace = Pick<EntryRow, 'start' | 'length'>;

type Statement<Parameters extends unknown[], Row = never> = BetterSqlite3.Statement<Parameters, Row>;

/** Every statement of the SQLite stream store. */
export interface StreamStatements {
  readonly byPath: Statement<[string, string], StreamRow>;
  readonly byId: Statement<[number], StreamRow>;
  readonly insert: Statement<[Record<string, unknown>]>;
  readonly update: Statement<[Record<string, unknown>]>;
  readonly remove: Statement<[number]>;
  readonly addForks: Statement<[number, number]>;
  readonly expired: Statement<[number, number], StreamRow>;
  readonly openWithOperation: Statement<[], StreamRow>;
  readonly addEntry: Statement<[number, number, number, number, number, Buffer]>;
  readonly entriesAfter: Statement<[number, number, number], EntryRow>;
  readonly entryPlace: Statement<[number, number], EntryPlace>;
  readonly producer: Statement<[number, string], { readonly epoch: number; readonly seq: number }>;
  readonly putProducer: Statement<[number, string, number, number]>;
  readonly usage: Statement<
    [],
    { readonly tenant: string; readonly streams: number; readonly bytes: number }
  >;
  readonly addGarbage: Statement<[number]>;
  readonly garbage: Statement<[], { readonly stream: number }>;
  readonly removeGarbage: Statement<[number]>;
  readonly removeEntries: Statement<[number, number, number]>;
  readonly removeProducers: Statement<[number, number, number]>;
  readonly generation: Statement<[], { readonly generation: string }>;
  readonly putGeneration: Statement<[string]>;
  readonly clearGeneration: Statement<[]>;
}

export function prepareStatements(database: BetterSqlite3.Database): StreamStatements {
  return {
    byPath: database.prepare('SELECT * FROM streams WHERE tenant = ? AND path = ?'),
    byId: database.prepare('SELECT * FROM streams WHERE stream = ?'),
    insert:
      database.prepare(`INSERT INTO streams (tenant, path, content_type, ttl_seconds, expires_at, expires_at_ms, closed, deleted,
         is_public, tail, last_seq, bytes, generations, source, source_path, fork_position, fork_entries, fork_offset,
         fork_sub_offset, operation_id)
       VALUES (@tenant, @path, @contentType, @ttlSeconds, @expiresAt, @expiresAtMs, @closed, @deleted, @isPublic, @tail,
         @lastSeq, @bytes, @generations, @source, @sourcePath, @forkPosition, @forkEntries, @forkOffset,
         @forkSubOffset, @operationId)`),
    update:
      database.prepare(`UPDATE streams SET expires_at_ms = @expiresAtMs, closed = @closed, deleted = @deleted, tail = @tail,
         last_seq = @lastSeq, bytes = @bytes, generations = @generations,
         stream_seq = @streamSeq, closed_by = @closedBy
       WHERE stream = @id`),
    remove: database.prepare('DELETE FROM streams WHERE stream = ?'),
    addForks: database.prepare('UPDATE streams SET forks = forks + ? WHERE stream = ?'),
    expired:
      database.prepare(`SELECT * FROM streams WHERE expires_at_ms IS NOT NULL AND deleted = 0 AND expires_at_ms <= ?
       ORDER BY expires_at_ms LIMIT ?`),
    openWithOperation: database.prepare(
      'SELECT * FROM streams WHERE operation_id IS NOT NULL AND closed = 0 AND deleted = 0',
    ),
    addEntry: database.prepare(
      'INSERT INTO stream_entries (stream, seq, start, length, closes, data) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    entriesAfter:
      database.prepare(`SELECT seq, start, length, closes, data FROM stream_entries WHERE stream = ? AND seq > ?
       ORDER BY seq LIMIT ?`),
    entryPlace: database.prepare('SELECT start, length FROM stream_entries WHERE stream = ? AND seq = ?'),
    producer: database.prepare('SELECT epoch, seq FROM stream_producers WHERE stream = ? AND producer = ?'),
    putProducer:
      database.prepare(`INSERT INTO stream_producers (stream, producer, epoch, seq) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq`),
    usage: database.prepare(
      'SELECT tenant, count(*) AS streams, sum(bytes) AS bytes FROM streams GROUP BY tenant',
    ),
    addGarbage: database.prepare('INSERT INTO stream_garbage (stream) VALUES (?)'),
    garbage: database.prepare('SELECT stream FROM stream_garbage LIMIT 1'),
    removeGarbage: database.prepare('DELETE FROM stream_garbage WHERE stream = ?'),
    removeEntries: database.prepare(`DELETE FROM stream_entries WHERE stream = ? AND seq IN
         (SELECT seq FROM stream_entries WHERE stream = ? ORDER BY seq LIMIT ?)`),
    removeProducers: database.prepare(`DELETE FROM stream_producers WHERE stream = ? AND producer IN
         (SELECT producer FROM stream_producers WHERE stream = ? LIMIT ?)`),
    generation: database.prepare('SELECT generation FROM stream_generation'),
    putGeneration: database.prepare('INSERT INTO stream_generation (generation) VALUES (?)'),
    clearGeneration: database.prepare('DELETE FROM stream_generation'),
  };
}
