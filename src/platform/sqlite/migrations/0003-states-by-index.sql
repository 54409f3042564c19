-- With the state at its end, this index alone answers how many operations are in which state; writing it costs no
-- more, since an operation changes its state and its end at once.
DROP INDEX operations_by_end;
CREATE INDEX operations_by_end ON operations (tenant_no, pool, ended_at, state);
