-- What a tenant uses is counted from its streams at the start; the seqs of entries have no gaps, and find their places.
DROP TABLE stream_usage;
DROP INDEX stream_entries_by_start;
