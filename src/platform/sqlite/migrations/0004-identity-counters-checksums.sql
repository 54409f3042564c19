-- Which log this is: a uid made with the file, and the number of the epoch that began with the last start.
CREATE TABLE log_identity (
  uid TEXT NOT NULL,
  epoch INTEGER NOT NULL
) STRICT;
INSERT INTO log_identity VALUES (lower(hex(randomblob(5))), 0);

-- Where the epochs of a tenant's log began; written with the first append of the epoch.
CREATE TABLE epochs (
  tenant_no INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  began_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_no, epoch)
) STRICT, WITHOUT ROWID;

-- How many operations are in which state, kept in the transaction that changes it: nothing is counted to be shown.
ALTER TABLE tenants ADD COLUMN running INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN completed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0;
-- Those of all states that are recorded tool calls.
ALTER TABLE tenants ADD COLUMN tools INTEGER NOT NULL DEFAULT 0;
UPDATE tenants SET running = counted.running, completed = counted.completed, failed = counted.failed,
  cancelled = counted.cancelled, tools = counted.tools
FROM (
  SELECT tenant_no, sum(state = 'running') AS running, sum(state = 'completed') AS completed,
    sum(state = 'error') AS failed, sum(state = 'cancelled') AS cancelled, sum(pool) AS tools
  FROM operations GROUP BY tenant_no
) AS counted
WHERE counted.tenant_no = tenants.tenant_no;

-- 0 running, 1 running with a status of its own, 2 completed, 3 error, 4 cancelled: every filter of a listing is a few
-- ranges of one index, each in the order of the listing.
ALTER TABLE operations ADD COLUMN phase INTEGER NOT NULL DEFAULT 0;
-- The position of the last event: what ended first is removed first, whatever the clock said.
ALTER TABLE operations ADD COLUMN ended_position INTEGER;
ALTER TABLE operations ADD COLUMN owner TEXT;
ALTER TABLE operations ADD COLUMN lease_seconds REAL;
-- The last sign of life without an event.
ALTER TABLE operations ADD COLUMN renewed_at REAL;
-- Checksums of what never changes again: type and metadata, and the outcome; null in rows of earlier versions.
ALTER TABLE operations ADD COLUMN crc INTEGER;
ALTER TABLE operations ADD COLUMN outcome_crc INTEGER;
UPDATE operations SET
  phase = CASE state WHEN 'completed' THEN 2 WHEN 'error' THEN 3 WHEN 'cancelled' THEN 4
    ELSE iif(status = 'running', 0, 1) END,
  ended_position = iif(ended_at IS NULL, NULL,
    (SELECT position FROM events WHERE events.op = operations.op ORDER BY seq DESC LIMIT 1));
DROP INDEX operations_by_end;
CREATE INDEX operations_by_phase ON operations (tenant_no, phase);
CREATE INDEX operations_by_type ON operations (tenant_no, operation_type, phase);
CREATE INDEX operations_by_status ON operations (tenant_no, status) WHERE phase = 1;
CREATE INDEX operations_by_type_and_status ON operations (tenant_no, operation_type, status) WHERE phase = 1;
CREATE INDEX operations_by_end ON operations (tenant_no, pool, ended_position) WHERE ended_position IS NOT NULL;
CREATE INDEX operations_by_age ON operations (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX operations_unfinished ON operations (op) WHERE ended_at IS NULL;

-- The ids of the producers' own live as long as their operation, also when the event was trimmed.
CREATE TABLE event_ids (
  op INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  timestamp REAL NOT NULL,
  PRIMARY KEY (op, event_id)
) STRICT, WITHOUT ROWID;
INSERT INTO event_ids SELECT op, event_id, seq, timestamp FROM events WHERE event_id IS NOT NULL;
DROP INDEX events_by_event_id;
ALTER TABLE events DROP COLUMN event_id;
-- CRC-32 over the whole row; null in rows of earlier versions.
ALTER TABLE events ADD COLUMN crc INTEGER;
