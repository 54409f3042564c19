-- Both are told by an operation's newest event, so that recording an event that changes nothing else of the snapshot
-- writes to the log alone.
ALTER TABLE operations DROP COLUMN updated_at;
ALTER TABLE operations DROP COLUMN event_count;
