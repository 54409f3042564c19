-- What an operation belongs to and who asked for it; null when nobody said.
ALTER TABLE operations ADD COLUMN parent_operation_id TEXT;
ALTER TABLE operations ADD COLUMN created_by TEXT;
-- Seconds, once ended: rounded as the snapshot shows it, so that a filter and the snapshot agree.
ALTER TABLE operations ADD COLUMN duration REAL;
UPDATE operations SET duration = max(0, round((ended_at - started_at) * 1000) / 1000) WHERE ended_at IS NOT NULL;

-- Each order of a listing is one index; the number of the operation follows in all of them.
CREATE INDEX operations_by_parent ON operations (tenant_no, parent_operation_id)
  WHERE parent_operation_id IS NOT NULL;
CREATE INDEX operations_by_creator ON operations (tenant_no, created_by) WHERE created_by IS NOT NULL;
CREATE INDEX operations_by_start ON operations (tenant_no, started_at);
CREATE INDEX operations_by_last_update ON operations (tenant_no, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX operations_by_duration ON operations (tenant_no, duration) WHERE duration IS NOT NULL;

-- 1 once it ended in an error or logged one; before this version, log events were not counted.
ALTER TABLE operations ADD COLUMN has_errors INTEGER NOT NULL DEFAULT 0;
UPDATE operations SET has_errors = 1 WHERE state = 'error';
CREATE INDEX operations_with_errors ON operations (tenant_no) WHERE has_errors = 1;
