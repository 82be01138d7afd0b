WITH counted AS (
    SELECT value_1, false AS compared, toInt64(0) AS bucket, countState() AS state
    FROM (
    SELECT min(occurred_at) AS started, toUnixTimestamp64Milli(max(occurred_at)) - toUnixTimestamp64Milli(started) AS lasted, countIf(matches) AS matching, argMaxIf(event.value_1, place, matches) AS value_1
    FROM (
    SELECT if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session, occurred_at, true AS matches, if(pathname != '', pathname, properties.`$pathname`::Nullable(String)) AS value_1, bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id) AS place
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
    WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_5:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')}
) AS event
    GROUP BY session
    HAVING started >= {from_6:DateTime64(3, 'UTC')} AND started < {to_7:DateTime64(3, 'UTC')} AND matching > 0
)
    GROUP BY value_1, bucket
UNION ALL
    SELECT value_1, true AS compared, toInt64(0) AS bucket, countState() AS state
    FROM (
    SELECT min(occurred_at) AS started, toUnixTimestamp64Milli(max(occurred_at)) - toUnixTimestamp64Milli(started) AS lasted, countIf(matches) AS matching, argMaxIf(event.value_1, place, matches) AS value_1
    FROM (
    SELECT if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session, occurred_at, true AS matches, if(pathname != '', pathname, properties.`$pathname`::Nullable(String)) AS value_1, bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id) AS place
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_1:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_8:DateTime64(3, 'UTC')} AND occurred_at < {to_7:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_7:DateTime64(3, 'UTC')}
) AS event
    GROUP BY session
    HAVING started >= {from_5:DateTime64(3, 'UTC')} AND started < {to_9:DateTime64(3, 'UTC')} AND matching > 0
)
    GROUP BY value_1, bucket
),
measured AS (
    SELECT
        *,
        countMergeIf(state, NOT compared) OVER (PARTITION BY value_1) AS overall,
        min(compared) OVER (PARTITION BY value_1) AS only_earlier
    FROM counted
),
placed AS (
    SELECT *, dense_rank() OVER (ORDER BY only_earlier, overall DESC, value_1) AS place
    FROM measured
)
SELECT if(place > {limit_10:UInt64} OR only_earlier, 0, place) AS rank, compared, bucket, toFloat64(countMerge(state)) AS value, toLowCardinality(if(rank = 0, NULL, any(placed.value_1))) AS value_1
FROM placed
GROUP BY rank, compared, bucket
ORDER BY rank, compared, bucket

-- longest_1 = 1800000
-- project_2 = 7
-- from_3 = 2026-03-06 23:00:00.000
-- to_4 = 2026-03-10 23:00:00.000
-- from_5 = 2026-03-07 23:00:00.000
-- from_6 = 2026-03-08 23:00:00.000
-- to_7 = 2026-03-09 23:00:00.000
-- from_8 = 2026-03-05 23:00:00.000
-- to_9 = 2026-03-08 23:00:00.000
-- limit_10 = 10
