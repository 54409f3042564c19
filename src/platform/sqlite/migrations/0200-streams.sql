-- Durable streams. Positions count bytes, in JSON mode messages; ids are never used again.
CREATE TABLE streams (
  stream INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  path TEXT NOT NULL,
  content_type TEXT NOT NULL,
  ttl_seconds INTEGER,
  expires_at TEXT,
  expires_at_ms INTEGER,
  closed INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  is_public INTEGER NOT NULL,
  tail INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  -- [[generation, from], …] as JSON
  generations TEXT NOT NULL,
  source INTEGER,
  source_path TEXT,
  fork_position INTEGER,
  fork_entries INTEGER,
  fork_offset TEXT,
  fork_sub_offset INTEGER,
  forks INTEGER NOT NULL DEFAULT 0,
  stream_seq TEXT,
  -- {id, epoch, seq} as JSON
  closed_by TEXT,
  operation_id TEXT,
  UNIQUE (tenant, path)
) STRICT;

CREATE INDEX streams_by_expiry ON streams (expires_at_ms) WHERE expires_at_ms IS NOT NULL AND deleted = 0;

CREATE TABLE stream_entries (
  stream INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  start INTEGER NOT NULL,
  length INTEGER NOT NULL,
  closes INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX stream_entries_by_start ON stream_entries (stream, start);

CREATE TABLE stream_producers (
  stream INTEGER NOT NULL,
  producer TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (stream, producer)
) STRICT, WITHOUT ROWID;

CREATE TABLE stream_usage (
  tenant TEXT PRIMARY KEY,
  streams INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Removed streams whose entries are deleted step by step.
CREATE TABLE stream_garbage (stream INTEGER PRIMARY KEY) STRICT;

-- The newest generation of the streams' log; one row.
CREATE TABLE stream_generation (generation TEXT NOT NULL) STRICT;
