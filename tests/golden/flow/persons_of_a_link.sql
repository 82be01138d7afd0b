WITH (
    SELECT groupArray(label)
    FROM (
        SELECT arrayJoin(hops) AS label
        FROM (
    SELECT people, arrayCompact(labels) AS walked, walked AS from_start, arraySlice(from_start, 1, indexOf(from_start, {end_1:String})) AS to_end, arraySlice(to_end, {first_2:Int64}) AS hops
    FROM (
    SELECT
        session AS unit,
        groupUniqArrayIf(person, isNotNull(label)) AS people,
        min(occurred_at) AS started,
        arraySort(
            (label, place) -> place, groupArrayIf(assumeNotNull(label), isNotNull(label)), groupArrayIf(place, isNotNull(label))
        ) AS labels
    FROM (
    SELECT occurred_at, bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id) AS place, if(true, toString(name), NULL) AS label, if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session, distinct_hash AS person
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
    WHERE project_id = {project_4:UInt64} AND occurred_at >= {from_7:DateTime64(3, 'UTC')} AND occurred_at < {to_6:DateTime64(3, 'UTC')}
) AS event
    GROUP BY session
    HAVING started >= {from_8:DateTime64(3, 'UTC')} AND started < {to_9:DateTime64(3, 'UTC')}
) AS path
    WHERE notEmpty(hops)
) AS walk
        GROUP BY label
        ORDER BY count() DESC, label
        LIMIT {nodes_10:UInt64}
    )
) AS kept
SELECT DISTINCT arrayJoin(people) AS person
FROM (
    SELECT people, arrayCompact(labels) AS walked, walked AS from_start, arraySlice(from_start, 1, indexOf(from_start, {end_1:String})) AS to_end, arraySlice(to_end, {first_2:Int64}) AS hops
    FROM (
    SELECT
        session AS unit,
        groupUniqArrayIf(person, isNotNull(label)) AS people,
        min(occurred_at) AS started,
        arraySort(
            (label, place) -> place, groupArrayIf(assumeNotNull(label), isNotNull(label)), groupArrayIf(place, isNotNull(label))
        ) AS labels
    FROM (
    SELECT occurred_at, bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id) AS place, if(true, toString(name), NULL) AS label, if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session, distinct_hash AS person
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
    WHERE project_id = {project_4:UInt64} AND occurred_at >= {from_7:DateTime64(3, 'UTC')} AND occurred_at < {to_6:DateTime64(3, 'UTC')}
) AS event
    GROUP BY session
    HAVING started >= {from_8:DateTime64(3, 'UTC')} AND started < {to_9:DateTime64(3, 'UTC')}
) AS path
    WHERE notEmpty(hops)
) AS walk
WHERE ({hop_11:Int64} - ({hops_12:Int64} - toInt64(length(hops)))) > 0 AND ({hop_11:Int64} - ({hops_12:Int64} - toInt64(length(hops)))) <= length(hops) AND indexOf(kept, hops[({hop_11:Int64} - ({hops_12:Int64} - toInt64(length(hops))))]) = {rank_13:UInt64} AND (({hop_11:Int64} - ({hops_12:Int64} - toInt64(length(hops)))) + 1) <= length(hops) AND indexOf(kept, hops[(({hop_11:Int64} - ({hops_12:Int64} - toInt64(length(hops)))) + 1)]) = {rank_13:UInt64}

-- end_1 = signed_up
-- first_2 = -5
-- longest_3 = 1800000
-- project_4 = 7
-- from_5 = 2026-03-06 23:00:00.000
-- to_6 = 2026-03-10 23:00:00.000
-- from_7 = 2026-03-07 23:00:00.000
-- from_8 = 2026-03-08 23:00:00.000
-- to_9 = 2026-03-09 23:00:00.000
-- nodes_10 = 20
-- hop_11 = 2
-- hops_12 = 5
-- rank_13 = 1
