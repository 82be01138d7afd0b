WITH counted AS (
    SELECT {series_1:UInt64} AS series, value_1, {start_2:Int64} AS bucket, countState() AS state_2
    FROM (
    SELECT ifNull(session_fact_1, '\0') AS value_1
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_3:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_4:UInt64} AND occurred_at >= {from_5:DateTime64(3, 'UTC')} AND occurred_at < {to_6:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    LEFT ANY JOIN (
        SELECT
            if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS fact_session,
            argMinIf(tuple(if(utm_source != '', utm_source, properties.`$utm_source`::Nullable(String))), bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id), if(utm_source != '', utm_source, properties.`$utm_source`::Nullable(String)) IS NOT NULL).1 AS session_fact_1,
            argMinIf(tuple(properties.`plan`.:String), bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id), properties.`plan`::Nullable(String) IS NOT NULL).1 AS session_fact_2
        FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_3:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_4:UInt64} AND occurred_at >= {from_5:DateTime64(3, 'UTC')} AND occurred_at < {to_7:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
        WHERE project_id = {project_4:UInt64} AND occurred_at >= {from_5:DateTime64(3, 'UTC')} AND occurred_at < {to_7:DateTime64(3, 'UTC')} AND ((if(utm_source != '', utm_source, properties.`$utm_source`::Nullable(String)) IS NOT NULL) OR (properties.`plan`::Nullable(String) IS NOT NULL))
        GROUP BY fact_session
    ) AS session_facts ON if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) = fact_session
    WHERE project_id = {project_4:UInt64} AND occurred_at >= {from_8:DateTime64(3, 'UTC')} AND occurred_at < {to_6:DateTime64(3, 'UTC')}
    AND (name = {name_9:String})
    AND (session_fact_2 = {value_10:String})
) AS event
    GROUP BY value_1
),
measured AS (
    SELECT *, toFloat64(finalizeAggregation(state_2)) AS overall, true AS is_kept
    FROM counted
),
placed AS (
    SELECT *, dense_rank() OVER (PARTITION BY series ORDER BY is_kept DESC, overall DESC, nullIf(value_1, '\0')) AS place
    FROM measured
)
SELECT series, if(is_kept AND place <= {limit_11:UInt64}, place, 0) AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, toFloat64(countMerge(state_2)) AS value, false AS compared, toLowCardinality(if(rank = 0, NULL, nullIf(any(placed.value_1), '\0'))) AS value_1
FROM placed
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- series_1 = 1
-- start_2 = 1773010800000
-- longest_3 = 1800000
-- project_4 = 7
-- from_5 = 2026-03-07 23:00:00.000
-- to_6 = 2026-03-09 23:00:00.000
-- to_7 = 2026-03-10 23:00:00.000
-- from_8 = 2026-03-08 23:00:00.000
-- name_9 = buy
-- value_10 = pro
-- limit_11 = 10
