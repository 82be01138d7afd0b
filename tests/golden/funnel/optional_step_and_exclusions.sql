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
        SELECT person, arrayJoin(arrayZip(arrayMap((stop, one_1, one_2, one_3) -> [if(stop >= {first_2:UInt64}, one_1, 0), if(stop >= {first_3:UInt64}, one_2, 0), if(stop >= {first_4:UInt64}, one_3, 0)], arrayMap(place -> stop[place], chosen), arrayMap(place -> time_1[place], chosen), arrayMap(place -> time_2[place], chosen), arrayMap(place -> time_3[place], chosen)))) AS attempt
        FROM (
            SELECT *, if(arrayExists(one -> one % 8 = {dropped_5:UInt64}, stop), [], [indexOf(scores, arrayMax(scores))]) AS chosen
            FROM (
    SELECT *,
        arrayMap((stop, at_1, at_2, at_3) -> (stop >= {first_2:UInt64} AND at_1 > 0) * {points_6:UInt64} + (stop >= {first_3:UInt64} AND at_2 > 0) * {points_7:UInt64} + (stop >= {first_4:UInt64} AND at_3 > 0) * {points_6:UInt64}, stop, at_1, at_2, at_3_from_2) AS scores
    FROM (
    SELECT *,
        arrayMap((time_1, at_2, next_at_1, next_time_1, next_mask_1, out_1, out_time_1, out_mask_1, next_at_2, next_time_2, out_2, out_time_2, out_mask_2) -> multiIf((out_time_1 > 0 AND out_time_1 <= time_1 + {window_8:Int64} AND (next_time_1 = 0 OR out_1 < next_at_1)) AND (bitAnd(out_mask_1, {bits_9:UInt64}) > 0), {stop_10:UInt64}, (next_time_1 = 0 OR next_time_1 > time_1 + {window_8:Int64}), {stop_11:UInt64}, (bitAnd(next_mask_1, {bits_12:UInt64}) = {bit_13:UInt64}) AND (bitAnd(next_mask_1, {bits_9:UInt64}) > 0), {stop_10:UInt64}, (at_2 > 0) AND (out_time_2 > 0 AND out_time_2 <= time_1 + {window_8:Int64} AND (next_time_2 = 0 OR out_2 < next_at_2)) AND (bitAnd(out_mask_2, {bits_9:UInt64}) > 0), {stop_14:UInt64}, (at_2 > 0) AND (out_time_2 > 0 AND out_time_2 <= time_1 + {window_8:Int64} AND (next_time_2 = 0 OR out_2 < next_at_2)) AND (bitAnd(out_mask_2, {bits_15:UInt64}) > 0), {stop_16:UInt64}, (at_2 > 0) AND (next_time_2 = 0 OR next_time_2 > time_1 + {window_8:Int64}), {stop_17:UInt64}, {done_18:UInt64}), time_1, at_2, next_at_1, next_time_1, next_mask_1, out_1, out_time_1, out_mask_1, next_at_2, next_time_2, out_2, out_time_2, out_mask_2) AS stop
    FROM (
    SELECT *,
        arrayMap(place -> times[place], at_1) AS time_1,
        arrayMap(place -> times[place], at_2) AS time_2,
        arrayMap(place -> times[place], at_3_from_2) AS time_3,
        found_1 AS next_at_1,
        arrayMap(place -> times[place], found_1) AS next_time_1,
        arrayMap(place -> masks[place], found_1) AS next_mask_1,
        arrayMap(place -> next_out_1[place], arrayMap(places -> arrayMax(places) + 1, arrayMap((one_0) -> [one_0], at_1))) AS out_1,
        arrayMap(place -> times[place], out_1) AS out_time_1,
        arrayMap(place -> masks[place], out_1) AS out_mask_1,
        found_2 AS next_at_2,
        arrayMap(place -> times[place], found_2) AS next_time_2,
        arrayMap(place -> masks[place], found_2) AS next_mask_2,
        arrayMap(place -> next_out_2[place], arrayMap(places -> arrayMax(places) + 1, arrayMap((one_0, one_1) -> [one_0, one_1], at_1, at_2))) AS out_2,
        arrayMap(place -> times[place], out_2) AS out_time_2,
        arrayMap(place -> masks[place], out_2) AS out_mask_2
    FROM (
    SELECT *,
        arrayMap((here, found, mask, before) -> if(here > 0 AND bitAnd(mask, {bits_19:UInt64}) = {bit_20:UInt64}, found, before), at_2, found_2, found_mask_2, at_3) AS at_3_from_2
    FROM (
    SELECT *,
        arrayMap(place -> next_2[place], arrayMap(place -> tied_from[place], at_2)) AS found_2,
        arrayMap(place -> masks[place], found_2) AS found_mask_2
    FROM (
    SELECT *,
        arrayMap((here, found, mask, before) -> if(here > 0 AND bitAnd(mask, {bits_19:UInt64}) = {bit_20:UInt64}, found, before), at_1, found_1, found_mask_1, arrayMap(place -> 0, at_1)) AS at_3,
        arrayMap((here, found, mask, before) -> if(here > 0 AND bitAnd(mask, {bits_12:UInt64}) = {bit_13:UInt64}, found, before), at_1, found_1, found_mask_1, arrayMap(place -> 0, at_1)) AS at_2
    FROM (
    SELECT *,
        arrayMap(place -> next_1[place], arrayMap(place -> tied_from[place], at_1)) AS found_1,
        arrayMap(place -> masks[place], found_1) AS found_mask_1
    FROM (
    SELECT *,
        arrayFilter((place, time, mask) -> bitAnd(mask, {entry_21:UInt64}) > 0 AND time < {end_22:Int64}, arrayEnumerate(keys), times, masks) AS at_1,
        arrayFill((place, since) -> since > 0, arrayEnumerate(times), arrayDifference(times)) AS tied_from,
        arrayReverseFill((place, mask) -> bitAnd(mask, {bits_12:UInt64}) > 0, arrayPushBack(arrayEnumerate(masks), 0), arrayPushBack(masks, 0)) AS next_1,
        arrayReverseFill((place, mask) -> bitAnd(mask, {bits_19:UInt64}) > 0, arrayPushBack(arrayEnumerate(masks), 0), arrayPushBack(masks, 0)) AS next_2,
        arrayReverseFill((place, mask) -> bitAnd(mask, {bits_9:UInt64}) > 0, arrayPushBack(arrayEnumerate(masks), 0), arrayPushBack(masks, 0)) AS next_out_1,
        arrayReverseFill((place, mask) -> bitAnd(mask, {bits_23:UInt64}) > 0, arrayPushBack(arrayEnumerate(masks), 0), arrayPushBack(masks, 0)) AS next_out_2
    FROM (
    SELECT *,
        arrayMap(key -> toInt64(bitShiftRight(key, 160)), keys) AS times,
        arrayMap(key -> toUInt32(key), keys) AS masks
    FROM (
    SELECT person, arraySort(groupArray(key)) AS keys
    FROM (
    SELECT distinct_hash AS person, bitOr(
        bitShiftLeft(toUInt256(toUnixTimestamp64Milli(occurred_at) + {epoch_24:Int64}), 160),
        bitOr(bitShiftLeft(toUInt256(toUInt128(event_id)), 32), toUInt256(toUInt32(ifNull((name = {name_25:String}), false) * {bit_26:UInt64} + ifNull((name = {name_27:String}), false) * {bit_13:UInt64} + ifNull((name = {name_28:String}) AND (properties.`plan`.:String = {value_29:String}), false) * {bit_20:UInt64} + ifNull((name = {name_30:String}), false) * {bit_31:UInt64} + ifNull((name = {name_32:String}), false) * {bit_33:UInt64})))
    ) AS key
    FROM events
    WHERE project_id = {project_34:UInt64} AND occurred_at >= {from_35:DateTime64(3, 'UTC')} AND occurred_at < {to_36:DateTime64(3, 'UTC')}
    AND (name IN {names_37:Array(String)})
    AND (cookieless = 0)
) AS event
    WHERE toUInt32(key) > 0
    GROUP BY person
    HAVING max(bitAnd(toUInt32(key), {entry_21:UInt64}) > 0 AND toInt64(bitShiftRight(key, 160)) < {end_22:Int64})
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
-- first_4 = 24
-- dropped_5 = 2
-- points_6 = 32
-- points_7 = 1
-- window_8 = 1209600000
-- bits_9 = 1048576
-- stop_10 = 10
-- stop_11 = 8
-- bits_12 = 6
-- bit_13 = 2
-- stop_14 = 18
-- bits_15 = 2097152
-- stop_16 = 17
-- stop_17 = 16
-- done_18 = 28
-- bits_19 = 4
-- bit_20 = 4
-- entry_21 = 1
-- end_22 = 3982172400000
-- bits_23 = 3145728
-- epoch_24 = 2209075200000
-- name_25 = viewed
-- bit_26 = 1
-- name_27 = tried
-- name_28 = bought
-- value_29 = pro
-- name_30 = left
-- bit_31 = 1048576
-- name_32 = paused
-- bit_33 = 2097152
-- project_34 = 7
-- from_35 = 2026-03-08 23:00:00.000
-- to_36 = 2026-03-23 23:00:00.000
-- names_37 = ['bought', 'left', 'paused', 'tried', 'viewed']
