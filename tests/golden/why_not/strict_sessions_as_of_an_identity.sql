SELECT mine, person, ms, toString(event_id) AS id, name, distinct_id, session, common, steps, exclusions
FROM (
    WITH (
        SELECT (groupArray(distinct_hash), groupArray(person))
        FROM
        (
            SELECT distinct_hash, argMax(person_hash, version) AS person
            FROM person_ties
            WHERE project_id = {project_1:UInt64} AND version <= {version_2:UInt64}
            GROUP BY distinct_hash
            HAVING person != distinct_hash
        )
    ) AS ties
    SELECT transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) = transform(sipHash64({id_3:String}), tupleElement(ties, 1), tupleElement(ties, 2), sipHash64({id_3:String})) AS mine, transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) AS person, toUnixTimestamp64Milli(occurred_at) AS ms, event_id, name, distinct_id, if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session, CAST([], 'Array(Nullable(String))') AS common, ifNull((name = {name_4:String}), false) * {bit_5:UInt64} + ifNull((name = {name_6:String}), false) * {bit_7:UInt64} AS steps, 0 AS exclusions, bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id) AS place
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_8:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_9:DateTime64(3, 'UTC')} AND occurred_at < {to_10:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_11:DateTime64(3, 'UTC')} AND occurred_at < {to_10:DateTime64(3, 'UTC')}
    AND (transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) IN (SELECT person FROM (
    WITH (
        SELECT (groupArray(distinct_hash), groupArray(person))
        FROM
        (
            SELECT distinct_hash, argMax(person_hash, version) AS person
            FROM person_ties
            WHERE project_id = {project_1:UInt64} AND version <= {version_2:UInt64}
            GROUP BY distinct_hash
            HAVING person != distinct_hash
        )
    ) AS ties
    SELECT transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) AS person, if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_8:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_9:DateTime64(3, 'UTC')} AND occurred_at < {to_10:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_11:DateTime64(3, 'UTC')} AND occurred_at < {to_10:DateTime64(3, 'UTC')}
    AND (session IN (SELECT session FROM (
    WITH (
        SELECT (groupArray(distinct_hash), groupArray(person))
        FROM
        (
            SELECT distinct_hash, argMax(person_hash, version) AS person
            FROM person_ties
            WHERE project_id = {project_1:UInt64} AND version <= {version_2:UInt64}
            GROUP BY distinct_hash
            HAVING person != distinct_hash
        )
    ) AS ties
    SELECT if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_8:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_9:DateTime64(3, 'UTC')} AND occurred_at < {to_10:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_11:DateTime64(3, 'UTC')} AND occurred_at < {to_10:DateTime64(3, 'UTC')}
    AND (transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) = transform(sipHash64({id_3:String}), tupleElement(ties, 1), tupleElement(ties, 2), sipHash64({id_3:String})))
)))
)))
) AS event
WHERE steps > 0 OR exclusions > 0 OR ms < {over_12:Int64}
ORDER BY place
LIMIT {rows_13:UInt64}

-- project_1 = 7
-- version_2 = 42
-- id_3 = ann
-- name_4 = viewed
-- bit_5 = 1
-- name_6 = bought
-- bit_7 = 2
-- longest_8 = 1800000
-- from_9 = 2026-02-28 00:00:00.000
-- to_10 = 2026-04-17 00:00:00.000
-- from_11 = 2026-03-01 00:00:00.000
-- over_12 = 1773792000000
-- rows_13 = 101
