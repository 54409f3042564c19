-- The open input requests of an operation, and the last closed ones, as JSON; null when it never asked.
ALTER TABLE operations ADD COLUMN inputs TEXT;
