-- Webhooks, and the queue of what they are told. Times are Unix seconds with fraction.
CREATE TABLE webhooks (
  webhook_no INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  url TEXT NOT NULL,
  description TEXT NOT NULL,
  -- JSON array
  events TEXT NOT NULL,
  operation_type TEXT,
  secret TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  disabled_reason TEXT,
  created_at REAL NOT NULL
) STRICT;

-- How far each tenant's log was looked through for ends.
CREATE TABLE webhook_positions (
  tenant TEXT PRIMARY KEY,
  position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_deliveries (
  delivery_no INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  webhook_id TEXT NOT NULL,
  tenant TEXT NOT NULL,
  operation_id TEXT,
  event TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at REAL NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at REAL NOT NULL,
  claimed_until REAL NOT NULL DEFAULT 0,
  -- The last attempt as JSON.
  last TEXT
) STRICT;

CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, delivery_no);
CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (webhook_id, state, delivery_no);
CREATE INDEX webhook_deliveries_pending
  ON webhook_deliveries (webhook_id, operation_id, delivery_no) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_at) WHERE state = 'pending';
