-- Which block of which writer a row of the schema counts last. A writer (a partition of the stream, in the last four bits of stored_at) stores one
-- block after the other, so after a crash it can be told whether the block in hand is counted already (docs/decisions/0004, workers/derived.py).

ALTER TABLE schema_events
    ADD COLUMN IF NOT EXISTS writer UInt8,
    ADD COLUMN IF NOT EXISTS last_block SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    MODIFY ORDER BY (project_id, name, writer);

ALTER TABLE schema_properties
    ADD COLUMN IF NOT EXISTS writer UInt8,
    ADD COLUMN IF NOT EXISTS last_block SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    MODIFY ORDER BY (project_id, name, key, type, writer);
