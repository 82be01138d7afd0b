WITH (
    SELECT groupArray(label)
    FROM (
        SELECT arrayJoin(hops) AS label
        FROM (
    SELECT people, arrayCompact(labels) AS walked, walked AS from_start, from_start AS to_end, arraySlice(to_end, 1, {most_1:Int64}) AS hops
    FROM (
    SELECT
        person AS unit,
        [person] AS people,
        stretch[1].1 AS started,
        arrayMap(hop -> assumeNotNull(hop.2), arrayFilter(hop -> isNotNull(hop.2), stretch)) AS labels
    FROM (
        SELECT person, arraySort((event, place) -> place, groupArray((occurred_at, label)), groupArray(place)) AS done
        FROM (
    SELECT occurred_at, bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id) AS place, if(true, toString(name), NULL) AS label, distinct_hash AS person
    FROM events
    WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')}
    AND (cookieless = 0)
) AS event
        GROUP BY person
    )
    ARRAY JOIN arraySplit(
        (event, pause) -> pause > {gap_5:Int64}, done, arrayDifference(arrayMap(event -> toUnixTimestamp64Milli(event.1), done))
    ) AS stretch
    WHERE started >= {from_6:DateTime64(3, 'UTC')} AND started < {to_7:DateTime64(3, 'UTC')}
) AS path
    WHERE notEmpty(hops)
) AS walk
        GROUP BY label
        ORDER BY count() DESC, label
        LIMIT {nodes_8:UInt64}
    )
) AS kept
SELECT DISTINCT arrayJoin(people) AS person
FROM (
    SELECT people, arrayCompact(labels) AS walked, walked AS from_start, from_start AS to_end, arraySlice(to_end, 1, {most_1:Int64}) AS hops
    FROM (
    SELECT
        person AS unit,
        [person] AS people,
        stretch[1].1 AS started,
        arrayMap(hop -> assumeNotNull(hop.2), arrayFilter(hop -> isNotNull(hop.2), stretch)) AS labels
    FROM (
        SELECT person, arraySort((event, place) -> place, groupArray((occurred_at, label)), groupArray(place)) AS done
        FROM (
    SELECT occurred_at, bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id) AS place, if(true, toString(name), NULL) AS label, distinct_hash AS person
    FROM events
    WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')}
    AND (cookieless = 0)
) AS event
        GROUP BY person
    )
    ARRAY JOIN arraySplit(
        (event, pause) -> pause > {gap_5:Int64}, done, arrayDifference(arrayMap(event -> toUnixTimestamp64Milli(event.1), done))
    ) AS stretch
    WHERE started >= {from_6:DateTime64(3, 'UTC')} AND started < {to_7:DateTime64(3, 'UTC')}
) AS path
    WHERE notEmpty(hops)
) AS walk
WHERE ({hop_9:Int64} - (toInt64(0))) > 0 AND ({hop_9:Int64} - (toInt64(0))) <= length(hops) AND indexOf(kept, hops[({hop_9:Int64} - (toInt64(0)))]) = {rank_10:UInt64}

-- most_1 = 5
-- project_2 = 7
-- from_3 = 2026-03-07 23:00:00.000
-- to_4 = 2026-03-10 23:00:00.000
-- gap_5 = 1800000
-- from_6 = 2026-03-08 23:00:00.000
-- to_7 = 2026-03-09 23:00:00.000
-- nodes_8 = 20
-- hop_9 = 1
-- rank_10 = 0
