WITH largest AS (
    SELECT value_1
    FROM (
    SELECT min(occurred_at) AS started, toUnixTimestamp64Milli(max(occurred_at)) - toUnixTimestamp64Milli(started) AS lasted, countIf(matches) AS matching, argMinIf(event.value_1, (occurred_at, place), matches) AS value_1, groupUniqArrayIf(person, matches) AS people
    FROM (
    SELECT if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session, occurred_at, true AS matches, properties.`plan`::Nullable(String) AS value_1, toUInt128(event_id) AS place, distinct_hash AS person
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayJoin(arrayFilter((time, pause) -> pause > 1800000 OR time = times[1], times, arrayDifference(times))) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_4:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
) AS event
    GROUP BY session
    HAVING started >= {from_5:DateTime64(3, 'UTC')} AND started < {to_6:DateTime64(3, 'UTC')} AND matching > 0
) AS session
    GROUP BY value_1
    ORDER BY toFloat64(count()) DESC, value_1
    LIMIT {limit_7:UInt64}
)
SELECT DISTINCT arrayJoin(people) AS person
FROM (
    SELECT min(occurred_at) AS started, toUnixTimestamp64Milli(max(occurred_at)) - toUnixTimestamp64Milli(started) AS lasted, countIf(matches) AS matching, argMinIf(event.value_1, (occurred_at, place), matches) AS value_1, groupUniqArrayIf(person, matches) AS people
    FROM (
    SELECT if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session, occurred_at, true AS matches, properties.`plan`::Nullable(String) AS value_1, toUInt128(event_id) AS place, distinct_hash AS person
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayJoin(arrayFilter((time, pause) -> pause > 1800000 OR time = times[1], times, arrayDifference(times))) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_4:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
) AS event
    GROUP BY session
    HAVING started >= {from_5:DateTime64(3, 'UTC')} AND started < {to_6:DateTime64(3, 'UTC')} AND matching > 0
) AS session
LEFT ANTI JOIN largest ON session.value_1 <=> largest.value_1
WHERE true

-- project_1 = 7
-- from_2 = 2026-03-06 23:00:00.000
-- to_3 = 2026-03-10 23:00:00.000
-- from_4 = 2026-03-07 23:00:00.000
-- from_5 = 2026-03-08 23:00:00.000
-- to_6 = 2026-03-09 23:00:00.000
-- limit_7 = 10
