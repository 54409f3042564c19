-- The hashed key under which others may take the operation's result instead of running, and for how many seconds after
-- its end. The newest operation with a key is the one that counts.
ALTER TABLE operations ADD COLUMN cache_key TEXT;
ALTER TABLE operations ADD COLUMN cache_ttl REAL;
CREATE INDEX operations_by_cache_key ON operations (tenant_no, cache_key, op) WHERE cache_key IS NOT NULL;
