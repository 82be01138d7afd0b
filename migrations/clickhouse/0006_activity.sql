-- What each distinct id did, kept as events come in; a query adds up those of one person (docs/decisions/0017). Cookieless visitors are nobody.
-- The latest browser, os, device, country and city that are known: texts that begin with the moment of their event, so that the greatest is the
-- latest. (argMax does the same at twice the cost of the whole insert.)

CREATE TABLE IF NOT EXISTS person_activity
(
    project_id UInt64,
    distinct_hash UInt64,
    writer UInt8,
    distinct_id SimpleAggregateFunction(any, String) CODEC(ZSTD(1)),
    count SimpleAggregateFunction(sum, UInt64),
    page_views SimpleAggregateFunction(sum, UInt64),
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    browser SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    os SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    device SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    country SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    city SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    last_block SimpleAggregateFunction(max, DateTime64(6, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (project_id, distinct_hash, writer)
-- A page of persons is read id by id.
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024;

-- Of the events that are stored already; killed in between, it begins anew.
TRUNCATE TABLE person_activity;

INSERT INTO person_activity
SELECT
    project_id,
    distinct_hash,
    toUInt8(bitAnd(toUnixTimestamp64Micro(stored_at), 15)) AS writer,
    any(distinct_id) AS distinct_id,
    count() AS count,
    countIf(name = 'page_view') AS page_views,
    min(occurred_at) AS first_seen,
    max(occurred_at) AS last_seen,
    maxIf(concat(moment, known_browser), known_browser != '') AS browser,
    maxIf(concat(moment, known_os), known_os != '') AS os,
    maxIf(concat(moment, known_device), known_device != '') AS device,
    maxIf(concat(moment, known_country), known_country != '') AS country,
    maxIf(concat(moment, known_city), known_city != '') AS city,
    max(stored_at) AS last_block
FROM
(
    SELECT
        project_id, distinct_hash, distinct_id, name, occurred_at, stored_at,
        concat(hex(toUInt64(toUnixTimestamp64Milli(occurred_at) + 17592186044416)), substring(toString(event_id), 29)) AS moment,
        ifNull(properties.`$browser`::Nullable(String), browser) AS known_browser,
        ifNull(properties.`$os`::Nullable(String), os) AS known_os,
        ifNull(properties.`$device`::Nullable(String), device) AS known_device,
        country AS known_country,
        city AS known_city
    FROM events
    WHERE cookieless = 0
)
GROUP BY project_id, distinct_hash, writer
SETTINGS max_bytes_before_external_group_by = 1073741824;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_to_person_activity TO person_activity AS
SELECT
    project_id,
    distinct_hash,
    toUInt8(bitAnd(toUnixTimestamp64Micro(stored_at), 15)) AS writer,
    any(distinct_id) AS distinct_id,
    count() AS count,
    countIf(name = 'page_view') AS page_views,
    min(occurred_at) AS first_seen,
    max(occurred_at) AS last_seen,
    maxIf(concat(moment, known_browser), known_browser != '') AS browser,
    maxIf(concat(moment, known_os), known_os != '') AS os,
    maxIf(concat(moment, known_device), known_device != '') AS device,
    maxIf(concat(moment, known_country), known_country != '') AS country,
    maxIf(concat(moment, known_city), known_city != '') AS city,
    max(stored_at) AS last_block
FROM
(
    SELECT
        project_id, distinct_hash, distinct_id, name, occurred_at, stored_at,
        -- Twelve hexadecimal digits of milliseconds, shifted so that none are negative, and the end of the id: of the events of one millisecond
        -- it is always the same one.
        concat(hex(toUInt64(toUnixTimestamp64Milli(occurred_at) + 17592186044416)), substring(toString(event_id), 29)) AS moment,
        ifNull(properties.`$browser`::Nullable(String), browser) AS known_browser,
        ifNull(properties.`$os`::Nullable(String), os) AS known_os,
        ifNull(properties.`$device`::Nullable(String), device) AS known_device,
        country AS known_country,
        city AS known_city
    FROM events
    WHERE cookieless = 0
)
GROUP BY project_id, distinct_hash, writer;

-- A person's events one after the other, for their sessions. Parts written before get it in the background.
ALTER TABLE events
    ADD PROJECTION IF NOT EXISTS by_person
    (SELECT project_id, distinct_hash, occurred_at, session_id ORDER BY project_id, distinct_hash, occurred_at) WITH SETTINGS (index_granularity = 512);

ALTER TABLE events MODIFY SETTING lightweight_mutation_projection_mode = 'rebuild';

ALTER TABLE events MATERIALIZE PROJECTION by_person SETTINGS mutations_sync = 0;

-- Which ids somebody was identified by; once they were, they stay so.
CREATE TABLE IF NOT EXISTS identified_ids
(
    project_id UInt64,
    distinct_id String,
    distinct_hash UInt64 MATERIALIZED sipHash64(distinct_id)
)
ENGINE = ReplacingMergeTree
ORDER BY (project_id, distinct_id);

-- What a search looks through: the texts among the traits, and the id the person is called by.
ALTER TABLE person_traits ADD COLUMN IF NOT EXISTS words String MATERIALIZED arrayStringConcat(
    arrayPushFront(arrayMap(one -> one.2, JSONExtractKeysAndValues(toJSONString(traits), 'String')), root), '\n'
) CODEC(ZSTD(1));
