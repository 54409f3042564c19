-- Times are Unix seconds with fraction.

CREATE TABLE tenants (
  tenant_no INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  -- Highest position of a removed event: a reader that stopped below it may have missed something. The newest position
  -- given out is this one or that of the last event, so appending need not write here.
  trimmed_through INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE operations (
  -- AUTOINCREMENT: listing cursors stay valid because a number is never given out twice.
  op INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_no INTEGER NOT NULL,
  operation_id TEXT NOT NULL,
  operation_type TEXT NOT NULL,
  -- 0 ordinary operations, 1 recorded tool calls: each has a retention limit of its own.
  pool INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  state TEXT NOT NULL,
  status TEXT NOT NULL,
  progress REAL NOT NULL,
  message TEXT NOT NULL,
  started_at REAL NOT NULL,
  updated_at REAL NOT NULL,
  ended_at REAL,
  event_count INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  -- {"result"} or {"error","error_type"} as JSON, once ended.
  outcome TEXT,
  UNIQUE (tenant_no, operation_id)
) STRICT;

CREATE INDEX operations_by_end ON operations (tenant_no, pool, ended_at);

CREATE TABLE events (
  -- tenant_no * 2^36 + position: appending stays cheap and one tenant's log is one range of the key.
  position INTEGER PRIMARY KEY,
  op INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  type TEXT NOT NULL,
  timestamp REAL NOT NULL,
  data TEXT NOT NULL,
  event_id TEXT
) STRICT;

CREATE UNIQUE INDEX events_by_operation ON events (op, seq);
CREATE UNIQUE INDEX events_by_event_id ON events (op, event_id) WHERE event_id IS NOT NULL;

-- Operations that are gone while their events still wait to be deleted in small steps.
CREATE TABLE orphaned_logs (
  op INTEGER PRIMARY KEY
) STRICT;
