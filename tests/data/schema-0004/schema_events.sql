-- Which event names a project has sent.

ALTER TABLE events_to_schema_events MODIFY QUERY
SELECT
    project_id,
    name,
    toUInt8(bitAnd(toUnixTimestamp64Micro(stored_at), 15)) AS writer,
    count() AS count,
    max(occurred_at) AS last_seen,
    max(stored_at) AS last_block
FROM events
GROUP BY project_id, name, writer;
