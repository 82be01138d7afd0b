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
    SELECT person, held_1_text, tupleElement(attempt, {place_1:UInt64}) AS times
    FROM (
        SELECT person, held_1_text, argMin(tuple(times), (-score, entry)) AS attempt
        FROM (
    SELECT person, tupleElement(attempt, {place_1:UInt64}) AS times, tupleElement(attempt, {place_2:UInt64}) AS held_1_text, tupleElement(attempt, {place_3:UInt64}) AS entry, tupleElement(attempt, {place_4:UInt64}) AS score, tupleElement(attempt, {place_5:UInt64}) AS dropped
    FROM (
        SELECT person, arrayJoin(arrayZip(arrayMap((stop, one_1, one_2) -> [if(stop >= {first_6:UInt64}, one_1, 0), if(stop >= {first_7:UInt64}, one_2, 0)], arrayMap(place -> stop[place], chosen), arrayMap(place -> time_1[place], chosen), arrayMap(place -> time_2[place], chosen)), arrayMap(place -> held_1_text[place], arrayMap(one -> one[{step_8:UInt64}], reached)), arrayMap(place -> keys[place], arrayMap(place -> at_1[place], chosen)), arrayMap(place -> scores[place], chosen), arrayMap(place -> arrayMap(one -> one % 8 = {dropped_9:UInt64}, stop)[place], chosen))) AS attempt
        FROM (
            SELECT *, arrayEnumerate(at_1) AS chosen, arrayMap((stop, one_1, one_2) -> [if(stop >= {first_6:UInt64}, one_1, 0), if(stop >= {first_7:UInt64}, one_2, 0)], arrayMap(place -> stop[place], chosen), arrayMap(place -> at_1[place], chosen), arrayMap(place -> at_2[place], chosen)) AS reached
            FROM (
    SELECT *,
        arrayMap(stop -> intDiv(stop, 8), stop) AS scores
    FROM (
    SELECT *,
        arrayMap((time_1, next_time_1, next_mask_1, next_kin_1) -> multiIf((next_time_1 = 0 OR next_time_1 > time_1 + {window_10:Int64}), {stop_11:UInt64}, (next_kin_1 = 0), {stop_12:UInt64}, (bitAnd(next_mask_1, {bits_13:UInt64}) = 0), {stop_12:UInt64}, {done_14:UInt64}), time_1, next_time_1, next_mask_1, next_kin_1) AS stop
    FROM (
    SELECT *,
        arrayMap(place -> times[place], at_1) AS time_1,
        arrayMap(place -> times[place], at_2) AS time_2,
        at_2 AS next_at_1,
        arrayMap(place -> times[place], at_2) AS next_time_1,
        arrayMap(place -> masks[place], at_2) AS next_mask_1,
        arrayMap(place -> kin[place], at_1) AS next_kin_1
    FROM (
    SELECT *,
        arrayMap(place -> place + 1, at_1) AS at_2
    FROM (
    SELECT *,
        arrayFilter((place, time, mask) -> bitAnd(mask, {entry_15:UInt64}) > 0 AND time < {end_16:Int64}, arrayEnumerate(keys), times, masks) AS at_1
    FROM (
    SELECT *,
        arrayMap(key -> toInt64(bitShiftRight(key, 160)), keys) AS times,
        arrayMap(key -> toUInt32(key), keys) AS masks
    FROM (
    SELECT *, arrayMap((one_0, next_0) -> one_0 = next_0, held_1_text, arrayPushBack(arrayPopFront(held_1_text), '')) AS kin
    FROM (
    SELECT *, arrayMap(place -> unsorted_keys[place], sorted) AS keys, arrayMap(place -> unsorted_held_1_text[place], sorted) AS held_1_text
    FROM (
    SELECT person, groupArray(key) AS unsorted_keys, arraySort((place, key) -> key, arrayEnumerate(unsorted_keys), unsorted_keys) AS sorted, groupArray(held_1_text) AS unsorted_held_1_text
    FROM (
    SELECT distinct_hash AS person, properties.`cart`::Nullable(String) AS held_1, ifNull(concat('=', held_1), '') AS held_1_text, bitOr(
        bitShiftLeft(toUInt256(toUnixTimestamp64Milli(occurred_at) + {epoch_17:Int64}), 160),
        bitOr(bitShiftLeft(toUInt256(toUInt128(event_id)), 32), toUInt256(toUInt32(if(isNotNull(held_1), ifNull((name = {name_18:String}), false) * {bit_19:UInt64} + ifNull((name = {name_20:String}) AND (properties.`plan`.:String = {value_21:String}), false) * {bit_22:UInt64}, 0))))
    ) AS key
    FROM events
    WHERE project_id = {project_23:UInt64} AND occurred_at >= {from_24:DateTime64(3, 'UTC')} AND occurred_at < {to_25:DateTime64(3, 'UTC')}
    AND (cookieless = 0)
) AS event
    GROUP BY person
    HAVING max(bitAnd(toUInt32(key), {entry_15:UInt64}) > 0 AND toInt64(bitShiftRight(key, 160)) < {end_16:Int64})
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
        GROUP BY person, held_1_text
        HAVING NOT max(dropped)
    )
)
)
)
    GROUP BY step, bucket
)
GROUP BY step
ORDER BY step

-- place_1 = 1
-- place_2 = 2
-- place_3 = 3
-- place_4 = 4
-- place_5 = 5
-- first_6 = 8
-- first_7 = 16
-- step_8 = 1
-- dropped_9 = 2
-- window_10 = 1209600000
-- stop_11 = 8
-- stop_12 = 11
-- bits_13 = 2
-- done_14 = 20
-- entry_15 = 1
-- end_16 = 3982172400000
-- epoch_17 = 2209075200000
-- name_18 = viewed
-- bit_19 = 1
-- name_20 = bought
-- value_21 = pro
-- bit_22 = 2
-- project_23 = 7
-- from_24 = 2026-03-08 23:00:00.000
-- to_25 = 2026-03-23 23:00:00.000
