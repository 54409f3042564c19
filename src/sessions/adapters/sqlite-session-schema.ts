import type Database from 'better-sqlite3';

/**
 * The tables of sessions, in the service's one database file. They have a version of their own, so that they change
 * without the tables of operations.
 *
 * A message's key is `session_no * 2^24 + seq`: one session's messages, and what the trigram index holds of them, are
 * one range of keys, and a search costs what its session costs, however many others there are.
 */
const VERSIONS: readonly string[] = [
  `
  CREATE TABLE session_tenants (
    tenant_no INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    last_message_id INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE sessions (
    session_no INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_no INTEGER NOT NULL,
    id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    closed_at REAL,
    metadata TEXT,
    last_seq INTEGER NOT NULL DEFAULT 0,
    first_seq INTEGER NOT NULL DEFAULT 1,
    -- Of the oldest message that is kept; null without messages.
    first_at REAL,
    participants INTEGER NOT NULL DEFAULT 0,
    last_activity TEXT,
    last_disconnect TEXT,
    UNIQUE (tenant_no, id)
  );
  CREATE INDEX sessions_by_change ON sessions (tenant_no, updated_at, session_no);
  CREATE INDEX sessions_closed ON sessions (tenant_no, updated_at) WHERE closed_at IS NOT NULL;
  CREATE INDEX sessions_by_age ON sessions (first_at) WHERE first_at IS NOT NULL;
  CREATE TABLE session_messages (
    key INTEGER PRIMARY KEY,
    tenant_no INTEGER NOT NULL,
    id INTEGER NOT NULL,
    sender TEXT NOT NULL,
    owner TEXT NOT NULL,
    sender_type TEXT NOT NULL,
    content TEXT NOT NULL,
    visibility INTEGER NOT NULL,
    message_type TEXT NOT NULL,
    metadata TEXT,
    parent_id INTEGER,
    at REAL NOT NULL,
    message_key TEXT
  );
  CREATE UNIQUE INDEX session_messages_by_id ON session_messages (tenant_no, id);
  CREATE INDEX session_messages_by_sender ON session_messages (sender, key);
  CREATE UNIQUE INDEX session_messages_by_message_key
    ON session_messages (key >> 24, sender, owner, message_key) WHERE message_key IS NOT NULL;
  CREATE INDEX session_messages_by_time ON session_messages (key >> 24, at);
  -- How many messages of each kind there are. Public ones are counted without their sender.
  CREATE TABLE session_tallies (
    session_no INTEGER NOT NULL,
    visibility INTEGER NOT NULL,
    sender TEXT NOT NULL,
    owner TEXT NOT NULL,
    messages INTEGER NOT NULL,
    PRIMARY KEY (session_no, visibility, sender, owner)
  ) WITHOUT ROWID;
  CREATE VIRTUAL TABLE session_search USING fts5(
    text, content='', contentless_delete=1, detail=none, tokenize='trigram'
  );
  CREATE TABLE session_memory (
    tenant_no INTEGER NOT NULL,
    agent TEXT NOT NULL,
    owner TEXT NOT NULL,
    -- Empty for what belongs to no session.
    session_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    metadata TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    -- Order of changes, which times of one millisecond do not tell.
    change INTEGER NOT NULL,
    expires_at REAL,
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant_no, agent, owner, session_id, key)
  ) WITHOUT ROWID;
  CREATE INDEX session_memory_by_change ON session_memory (tenant_no, agent, owner, change);
  CREATE INDEX session_memory_by_end ON session_memory (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE session_tokens (
    digest TEXT PRIMARY KEY,
    tenant_no INTEGER NOT NULL,
    agent TEXT NOT NULL,
    owner TEXT NOT NULL,
    agent_type TEXT NOT NULL,
    permissions TEXT NOT NULL,
    expires_at REAL NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX session_tokens_by_end ON session_tokens (expires_at);
  `,
  `
  -- Messages of removed sessions, which go in the background.
  CREATE TABLE session_leftovers (
    session_no INTEGER PRIMARY KEY,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL
  );
  `,
  `
  -- Segments of the index are merged in small steps, with each transaction. SQLite's own way merges many at once now
  -- and then, and everybody waits for it: 20 to 60 ms at 15,000 messages, more with more of them.
  INSERT INTO session_search (session_search, rank) VALUES ('automerge', 0);
  INSERT INTO session_search (session_search, rank) VALUES ('crisismerge', 500);
  INSERT INTO session_search (session_search, rank) VALUES ('usermerge', 8);
  `,
];

/** @throws Error when a newer version of Opstream wrote the tables */
export function applySessionSchema(database: Database.Database): void {
  database.exec('CREATE TABLE IF NOT EXISTS session_schema (version INTEGER NOT NULL)');
  const applied = (database.prepare('SELECT version FROM session_schema').pluck().get() ?? 0) as number;
  if (applied > VERSIONS.length) {
    throw new Error(`The sessions were written by a newer version of Opstream (schema ${applied})`);
  }
  VERSIONS.slice(applied).forEach((sql, index) => {
    database.transaction(() => {
      database.exec(sql);
      database.exec('DELETE FROM session_schema');
      database.prepare('INSERT INTO session_schema VALUES (?)').run(applied + index + 1);
    })();
  });
}
