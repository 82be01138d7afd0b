-- What Pug adds to an event has a column of its own; `properties` stays what the client sent. A column is empty where nothing is known, and
-- where the client sent that key itself: the client's value wins (docs/decisions/0011). The views fill them: migrations/clickhouse/views/.

ALTER TABLE events
    -- From what the request says of its client.
    ADD COLUMN IF NOT EXISTS browser LowCardinality(String),
    ADD COLUMN IF NOT EXISTS browser_version LowCardinality(String),
    ADD COLUMN IF NOT EXISTS os LowCardinality(String),
    ADD COLUMN IF NOT EXISTS os_version LowCardinality(String),
    ADD COLUMN IF NOT EXISTS device LowCardinality(String),
    ADD COLUMN IF NOT EXISTS mobile LowCardinality(String),
    ADD COLUMN IF NOT EXISTS country LowCardinality(String),
    ADD COLUMN IF NOT EXISTS region LowCardinality(String),
    ADD COLUMN IF NOT EXISTS city LowCardinality(String),
    ADD COLUMN IF NOT EXISTS continent LowCardinality(String),
    ADD COLUMN IF NOT EXISTS postal_code LowCardinality(String),
    ADD COLUMN IF NOT EXISTS latitude LowCardinality(String),
    ADD COLUMN IF NOT EXISTS longitude LowCardinality(String),
    ADD COLUMN IF NOT EXISTS timezone LowCardinality(String),
    ADD COLUMN IF NOT EXISTS bot LowCardinality(String),
    ADD COLUMN IF NOT EXISTS bot_name LowCardinality(String),
    -- From the event itself.
    ADD COLUMN IF NOT EXISTS hostname LowCardinality(String),
    ADD COLUMN IF NOT EXISTS pathname String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS utm_source LowCardinality(String),
    ADD COLUMN IF NOT EXISTS utm_medium LowCardinality(String),
    ADD COLUMN IF NOT EXISTS utm_campaign LowCardinality(String),
    ADD COLUMN IF NOT EXISTS utm_term String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS utm_content String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS referrer_domain LowCardinality(String),
    ADD COLUMN IF NOT EXISTS channel LowCardinality(String),
    ADD COLUMN IF NOT EXISTS screen_size LowCardinality(String),
    -- The normal form of what the client sent; events stored before there was one say it as it was sent.
    ADD COLUMN IF NOT EXISTS locale LowCardinality(String) DEFAULT ifNull(properties.`$locale`.:String, ''),
    ADD COLUMN IF NOT EXISTS cookieless UInt8 DEFAULT startsWith(distinct_id, 'cookieless-');

-- A worker of before this migration inserts rows without a context, and its events have none.
ALTER TABLE events_in ADD COLUMN IF NOT EXISTS context LowCardinality(String);

ALTER TABLE events_probe ADD COLUMN IF NOT EXISTS context LowCardinality(String);

-- A view is known by the latest of its files that was applied: seconds are too coarse to say which.
ALTER TABLE schema_migrations MODIFY COLUMN applied_at DateTime64(6, 'UTC') DEFAULT now64(6);
