-- The log events of each level that an operation had recorded by then, as "debug,info,warning,error": told, like its
-- seq, by an operation's newest event. Null in events of earlier versions, which were not counted, and in all but the
-- last event of a transaction.
ALTER TABLE events ADD COLUMN log_counts TEXT;
