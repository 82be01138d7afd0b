SELECT 1 AS rank, step, sum(many) AS units, sumMap([bucket], [many]) AS trend
FROM (
    SELECT step, bucket, count() AS many
    FROM (
    SELECT toInt64(0) AS bucket, arrayJoin(arrayZip(
        arrayFilter((step, time) -> time > 0, arrayEnumerate(times), times), arrayDifference(arrayFilter(time -> time > 0, times))
    )) AS reached, tupleElement(reached, 1) AS step, toInt64(tupleElement(reached, 2)) AS took
    FROM (
    SELECT times
    FROM (
    SELECT person, tupleElement(attempt, {place_1:UInt64}) AS times
    FROM (
        SELECT person, arrayJoin(arrayZip(arrayMap((stop, one_1, one_2) -> [if(stop >= {first_2:UInt64}, one_1, 0), if(stop >= {first_3:UInt64}, one_2, 0)], arrayMap(place -> stop[place], chosen), arrayMap(place -> time_1[place], chosen), arrayMap(place -> time_2[place], chosen)))) AS attempt
        FROM (
            SELECT *, [indexOf(scores, arrayMax(scores))] AS chosen
            FROM (
    SELECT *,
        arrayMap(stop -> intDiv(stop, 8), stop) AS scores
    FROM (
    SELECT *,
        arrayMap((time_1, next_time_1) -> multiIf((next_time_1 = 0 OR next_time_1 > time_1 + {window_4:Int64}), {stop_5:UInt64}, {done_6:UInt64}), time_1, next_time_1) AS stop
    FROM (
    SELECT *,
        arrayMap(place -> times[place], at_1) AS time_1,
        arrayMap(place -> times[place], at_2) AS time_2,
        at_2 AS next_at_1,
        arrayMap(place -> times[place], at_2) AS next_time_1,
        arrayMap(place -> masks[place], at_2) AS next_mask_1
    FROM (
    SELECT *,
        arrayMap(place -> next_1[place], arrayMap(place -> tied_from[place], at_1)) AS at_2
    FROM (
    SELECT *,
        arrayFilter((place, time, mask) -> bitAnd(mask, {entry_7:UInt64}) > 0 AND time < {end_8:Int64}, arrayEnumerate(keys), times, masks) AS at_1,
        arrayFill((place, since) -> since > 0, arrayEnumerate(times), arrayDifference(times)) AS tied_from,
        arrayReverseFill((place, mask) -> bitAnd(mask, {bits_9:UInt64}) > 0, arrayPushBack(arrayEnumerate(masks), 0), arrayPushBack(masks, 0)) AS next_1
    FROM (
    SELECT *,
        arrayMap(key -> toInt64(bitShiftRight(key, 160)), keys) AS times,
        arrayMap(key -> toUInt32(key), keys) AS masks
    FROM (
    SELECT person, arraySort(groupArray(key)) AS keys
    FROM (
    SELECT distinct_hash AS person, bitOr(
        bitShiftLeft(toUInt256(toUnixTimestamp64Milli(occurred_at) + {epoch_10:Int64}), 160),
        bitOr(bitShiftLeft(toUInt256(toUInt128(event_id)), 32), toUInt256(toUInt32(ifNull((name = {name_11:String}), false) * {bit_12:UInt64} + ifNull((name = {name_13:String}), false) * {bit_14:UInt64})))
    ) AS key
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_15:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_16:UInt64} AND occurred_at >= {from_17:DateTime64(3, 'UTC')} AND occurred_at < {to_18:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    LEFT ANY JOIN (
        SELECT
            if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS fact_session,
            argMinIf(tuple(properties.`plan`.:String), bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id), properties.`plan`::Nullable(String) IS NOT NULL).1 AS session_fact_1
        FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_15:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_16:UInt64} AND occurred_at >= {from_17:DateTime64(3, 'UTC')} AND occurred_at < {to_19:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
        WHERE project_id = {project_16:UInt64} AND occurred_at >= {from_17:DateTime64(3, 'UTC')} AND occurred_at < {to_19:DateTime64(3, 'UTC')} AND ((properties.`plan`::Nullable(String) IS NOT NULL))
        GROUP BY fact_session
    ) AS session_facts ON if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) = fact_session
    WHERE project_id = {project_16:UInt64} AND occurred_at >= {from_20:DateTime64(3, 'UTC')} AND occurred_at < {to_18:DateTime64(3, 'UTC')}
    AND (name IN {names_21:Array(String)})
    AND (cookieless = 0)
    AND ((session_fact_1 = {value_22:String}))
) AS event
    GROUP BY person
    HAVING max(bitAnd(toUInt32(key), {entry_7:UInt64}) > 0 AND toInt64(bitShiftRight(key, 160)) < {end_8:Int64})
)
)
)
)
)
)
)
        )
    )
)
)
)
    GROUP BY step, bucket
)
GROUP BY step
ORDER BY step

-- place_1 = 1
-- first_2 = 8
-- first_3 = 16
-- window_4 = 1209600000
-- stop_5 = 8
-- done_6 = 20
-- entry_7 = 1
-- end_8 = 3982172400000
-- bits_9 = 2
-- epoch_10 = 2209075200000
-- name_11 = view
-- bit_12 = 1
-- name_13 = buy
-- bit_14 = 2
-- longest_15 = 1800000
-- project_16 = 7
-- from_17 = 2026-03-07 23:00:00.000
-- to_18 = 2026-03-23 23:00:00.000
-- to_19 = 2026-03-24 23:00:00.000
-- from_20 = 2026-03-08 23:00:00.000
-- names_21 = ['buy', 'view']
-- value_22 = pro
