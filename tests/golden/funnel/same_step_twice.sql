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
        arrayMap((tries, used) -> arrayFirst(place -> place = 0 OR NOT has(used, place), tries), arrayMap((one_0, one_1) -> [one_0, one_1], arrayMap(place -> next_1[place], arrayMap(place -> tied_from[place], at_1)) AS at_2_try_0, arrayMap(place -> next_1[place], arrayMap(place -> place + 1, at_2_try_0)) AS at_2_try_1), arrayMap((one_0) -> [one_0], at_1)) AS at_2
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
        bitOr(bitShiftLeft(toUInt256(toUInt128(event_id)), 32), toUInt256(toUInt32(ifNull((name = {name_11:String}), false) * {bit_12:UInt64} + ifNull((name = {name_11:String}), false) * {bit_13:UInt64})))
    ) AS key
    FROM events
    WHERE project_id = {project_14:UInt64} AND occurred_at >= {from_15:DateTime64(3, 'UTC')} AND occurred_at < {to_16:DateTime64(3, 'UTC')}
    AND (name IN {names_17:Array(String)})
    AND (cookieless = 0)
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
-- window_4 = 3600000
-- stop_5 = 8
-- done_6 = 20
-- entry_7 = 1
-- end_8 = 3982172400000
-- bits_9 = 2
-- epoch_10 = 2209075200000
-- name_11 = viewed
-- bit_12 = 1
-- bit_13 = 2
-- project_14 = 7
-- from_15 = 2026-03-08 23:00:00.000
-- to_16 = 2026-03-10 00:00:00.000
-- names_17 = ['viewed']
