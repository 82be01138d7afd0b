-- Which event names and property keys a project has sent, kept as events come in so that asking costs nothing.

CREATE TABLE IF NOT EXISTS schema_events
(
    project_id UInt64,
    name String,
    count SimpleAggregateFunction(sum, UInt64),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (project_id, name)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_to_schema_events TO schema_events AS
SELECT project_id, name, count() AS count, max(occurred_at) AS last_seen
FROM events
GROUP BY project_id, name;

CREATE TABLE IF NOT EXISTS schema_properties
(
    project_id UInt64,
    name String,
    key String,
    type LowCardinality(String),
    count SimpleAggregateFunction(sum, UInt64),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (project_id, name, key, type)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_to_schema_properties TO schema_properties AS
SELECT
    project_id,
    name,
    path.1 AS key,
    multiIf(path.2 = 'String', 'string', path.2 = 'Bool', 'boolean', path.2 IN ('Int64', 'UInt64', 'Float64'), 'number', 'list') AS type,
    count() AS count,
    max(occurred_at) AS last_seen
FROM events
ARRAY JOIN CAST(JSONAllPathsWithTypes(properties), 'Array(Tuple(String, String))') AS path
GROUP BY project_id, name, key, type;
