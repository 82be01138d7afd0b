WITH events_of_cells AS (
    SELECT session_fact_1 AS value_1
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_1:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    LEFT ANY JOIN (
        SELECT
            if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS fact_session,
            argMinIf(tuple(coalesce(properties.`$utm_source`::Nullable(String), nullIf(utm_source, ''))), bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id), coalesce(properties.`$utm_source`::Nullable(String), nullIf(utm_source, '')) IS NOT NULL).1 AS session_fact_1,
            argMinIf(tuple(properties.`plan`.:String), bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id), properties.`plan`::Nullable(String) IS NOT NULL).1 AS session_fact_2
        FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_1:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_5:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
        WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_5:DateTime64(3, 'UTC')} AND ((coalesce(properties.`$utm_source`::Nullable(String), nullIf(utm_source, '')) IS NOT NULL) OR (properties.`plan`::Nullable(String) IS NOT NULL))
        GROUP BY fact_session
    ) AS session_facts ON if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) = fact_session
    WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_6:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')}
    AND (name = {name_7:String})
    AND (session_fact_2 = {value_8:String})
),
largest_cells AS (
    SELECT {series_9:UInt64} AS series, value_1, toFloat64(count()) AS value
    FROM events_of_cells AS event
    GROUP BY series, value_1
    ORDER BY value DESC, value_1
    LIMIT {limit_10:UInt64}
),
top_cells AS (
    SELECT series, value_1, row_number() OVER (ORDER BY series, value DESC, value_1) AS rank
    FROM largest_cells
)
SELECT {series_9:UInt64} AS series, rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, toFloat64(count()) AS value, false AS compared, if(rank = 0, NULL, any(event.value_1)) AS value_1
FROM (
    SELECT roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_11:Array(Int64)}) AS bucket, session_fact_1 AS value_1
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_1:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    LEFT ANY JOIN (
        SELECT
            if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS fact_session,
            argMinIf(tuple(coalesce(properties.`$utm_source`::Nullable(String), nullIf(utm_source, ''))), bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id), coalesce(properties.`$utm_source`::Nullable(String), nullIf(utm_source, '')) IS NOT NULL).1 AS session_fact_1,
            argMinIf(tuple(properties.`plan`.:String), bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id), properties.`plan`::Nullable(String) IS NOT NULL).1 AS session_fact_2
        FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_1:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_5:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
        WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_5:DateTime64(3, 'UTC')} AND ((coalesce(properties.`$utm_source`::Nullable(String), nullIf(utm_source, '')) IS NOT NULL) OR (properties.`plan`::Nullable(String) IS NOT NULL))
        GROUP BY fact_session
    ) AS session_facts ON if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) = fact_session
    WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_6:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')}
    AND (name = {name_7:String})
    AND (session_fact_2 = {value_8:String})
) AS event
LEFT ANY JOIN top_cells ON event.value_1 <=> top_cells.value_1
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- longest_1 = 1800000
-- project_2 = 7
-- from_3 = 2026-03-07 23:00:00.000
-- to_4 = 2026-03-09 23:00:00.000
-- to_5 = 2026-03-10 23:00:00.000
-- from_6 = 2026-03-08 23:00:00.000
-- name_7 = buy
-- value_8 = pro
-- series_9 = 1
-- limit_10 = 10
-- bucket_starts_11 = [1773010800000]
