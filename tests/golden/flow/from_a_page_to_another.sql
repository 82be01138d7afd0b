WITH transitions AS (
    SELECT toInt64(0) + place AS hop, label, following, count() AS times, count() AS passing
    FROM (
    SELECT 1 AS unit, labels AS walked, arraySlice(walked, indexOf(walked, {start_1:String})) AS from_start, arraySlice(from_start, 1, if(has(arraySlice(from_start, 2), {end_2:String}), indexOf(arraySlice(from_start, 2), {end_2:String}) + 1, 0)) AS to_end, arraySlice(to_end, 1, {most_3:Int64}) AS hops
    FROM (
    SELECT
        session AS unit,
        min(occurred_at) AS started,
        arraySort(
            (label, place) -> place, groupArrayIf(assumeNotNull(label), isNotNull(label)), groupArrayIf(place, isNotNull(label))
        ) AS labels
    FROM (
    SELECT occurred_at, bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id) AS place, if(true, if(pathname != '', pathname, properties.`$pathname`::Nullable(String)), NULL) AS label, if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_4:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_5:UInt64} AND occurred_at >= {from_6:DateTime64(3, 'UTC')} AND occurred_at < {to_7:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    WHERE project_id = {project_5:UInt64} AND occurred_at >= {from_8:DateTime64(3, 'UTC')} AND occurred_at < {to_7:DateTime64(3, 'UTC')}
) AS event
    GROUP BY session
    HAVING started >= {from_9:DateTime64(3, 'UTC')} AND started < {to_10:DateTime64(3, 'UTC')}
) AS path
    WHERE notEmpty(hops)
) AS walk
    ARRAY JOIN
        hops AS label,
        arrayPushBack(arrayPopFront(hops::Array(Nullable(String))), NULL) AS following,
        arrayEnumerate(hops) AS place
    GROUP BY hop, label, following
),
labels AS (
    SELECT label, sum(times) AS frequency, groupArray((hop, following, passing)) AS onward
    FROM transitions
    GROUP BY label
),
ranked AS (
    SELECT label, onward, row_number() OVER (ORDER BY frequency DESC, label) AS rank
    FROM labels
),
placed AS (
    SELECT label, onward, least(rank, {others_11:UInt64}) AS source,
        groupArrayIf(label, rank < {others_11:UInt64}) OVER (ORDER BY rank ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS kept
    FROM ranked
),
folded AS (
    SELECT link.1 AS hop, source, if(isNull(link.2), 0, if(has(kept, link.2), indexOf(kept, link.2), {others_11:UInt64})) AS target,
        any(label) AS label, sum(link.3) AS passing
    FROM placed
    ARRAY JOIN onward AS link
    GROUP BY hop, source, target
)
SELECT hop, source, target, grouping(target) AS is_node, sum(passing) AS value, if(source = {others_11:UInt64}, '', any(label)) AS name
FROM folded
GROUP BY GROUPING SETS ((hop, source), (hop, source, target))
HAVING is_node OR target > 0
ORDER BY hop, source, target

-- start_1 = /
-- end_2 = /thanks
-- most_3 = 5
-- longest_4 = 1800000
-- project_5 = 7
-- from_6 = 2026-03-06 23:00:00.000
-- to_7 = 2026-03-10 23:00:00.000
-- from_8 = 2026-03-07 23:00:00.000
-- from_9 = 2026-03-08 23:00:00.000
-- to_10 = 2026-03-09 23:00:00.000
-- others_11 = 21
