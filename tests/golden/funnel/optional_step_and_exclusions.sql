SELECT 1 AS rank, step, sum(many) AS units, sumMap([bucket], [many]) AS trend
FROM (
    SELECT step, bucket, count() AS many
    FROM (
    SELECT toInt64(0) AS bucket, arrayJoin(arrayZip(steps, arrayDifference(times))) AS reached,
        tupleElement(reached, 1) AS step, toInt64(tupleElement(reached, 2)) AS took
    FROM (
    SELECT steps, times
    FROM (
    SELECT *,
        tupleElement(hops, 1) AS steps,
        tupleElement(hops, 2) AS times
    FROM (
    SELECT person,
        arrayFilter(hop -> hop.1 * 8 <= tupleElement(attempt, 1), tupleElement(attempt, {last_1:UInt64})) AS hops
    FROM (
    SELECT person,
        arrayJoin(arrayZip(arrayMap(place -> stop[place], chosen), arraySplit(hop -> hop.1 = 1, arrayZip(chosen_step, arrayMap(place -> times[place], chosen_at))))) AS attempt
    FROM (
    SELECT *,
        arrayMap(place -> hop_step[place], chosen_hops) AS chosen_step,
        arrayMap(place -> hop_at[place], chosen_hops) AS chosen_at
    FROM (
    SELECT *,
        arrayFlatten(arrayMap(one -> arrayMap(hop -> (one - 1) * {hops_2:UInt64} + hop, range(1, {hops_2:UInt64} + 1)), chosen)) AS chosen_hops
    FROM (
    SELECT *,
        if(arrayExists(one -> one % 8 = {dropped_3:UInt64}, stop), [], [indexOf(scores, arrayMax(scores))]) AS chosen
    FROM (
    SELECT *,
        arrayMap(
            (steps, stop) -> arraySum(step -> (step * 8 <= stop) * if(bitTest({optional_4:UInt64}, step), 1, 32), steps),
            arraySplit(step -> step = 1, hop_step), stop
        ) AS scores
    FROM (
    SELECT *,
        arrayFilter((one, step) -> step = 1, arrayReverseFill((one, stop) -> stop > 0, hop_stop, hop_stop), hop_step) AS stop
    FROM (
    SELECT *,
        arrayMap((step, since, next_time, next_at, next_step, next_mask, out, out_time, out_mask) -> multiIf(step >= {last_5:UInt64}, step * 8 + {how_6:UInt64}, (out_time > 0 AND out_time <= since + {window_7:Int64} AND out < next_at) AND (bitAnd(bitAnd(out_mask, {bits_8:Array(UInt64)}[step]), {drops_9:UInt64}) > 0), step * 8 + {how_10:UInt64}, (out_time > 0 AND out_time <= since + {window_7:Int64} AND out < next_at) AND (bitAnd(out_mask, {bits_8:Array(UInt64)}[step]) > 0), step * 8 + {how_11:UInt64}, next_time = 0 OR next_time > since + {window_7:Int64}, step * 8 + {how_12:UInt64}, (true) AND (bitAnd(bitAnd(next_mask, bitAnd({bits_8:Array(UInt64)}[step], {not_ended_13:Array(UInt64)}[next_step])), {drops_9:UInt64}) > 0), step * 8 + {how_10:UInt64}, (true) AND (bitAnd(next_mask, bitAnd({bits_8:Array(UInt64)}[step], {not_ended_13:Array(UInt64)}[next_step])) > 0), step * 8 + {how_11:UInt64}, 0), hop_step, arrayFill((time, step) -> step = 1, hop_time, hop_step), arraySlice(arrayPushBack(hop_time, 0), 2), arraySlice(arrayPushBack(hop_at, 0), 2), arraySlice(arrayPushBack(hop_step, 0), 2), arraySlice(arrayPushBack(arrayMap(place -> masks[place], hop_at), 0), 2), hop_out, arrayMap(place -> times[place], hop_out), arrayMap(place -> masks[place], hop_out)) AS hop_stop
    FROM (
    SELECT *,
        arrayMap(place -> next_out[place], arrayMap((step, place) -> (step - 1) * nowhere + place, hop_step, arrayMap(place -> place + 1, hop_furthest))) AS hop_out
    FROM (
    SELECT *,
        arrayConcat(next_out_1, next_out_2) AS next_out
    FROM (
    SELECT *,
        arrayReverseFill((place, mask) -> bitAnd(mask, {bits_14:UInt64}) > 0, arrayEnumerate(masks), masks) AS next_out_1,
        arrayReverseFill((place, mask) -> bitAnd(mask, {bits_15:UInt64}) > 0, arrayEnumerate(masks), masks) AS next_out_2
    FROM (
    SELECT *,
        arrayMap(place -> times[place], hop_at) AS hop_time
    FROM (
    SELECT person,
        keys,
        times,
        masks,
        nowhere,
        at_1,
        arrayFlatten(arrayMap((one_1, one_2, one_3) -> [one_1, one_2, one_3], at_1, at_2, at_3)) AS hop_at,
        arrayFlatten(arrayMap((one_1, one_2, one_3) -> [greatest(one_1), greatest(one_1, one_2), greatest(one_1, one_2, one_3)], at_1, at_2, at_3)) AS hop_furthest,
        arrayFlatten(arrayMap((one_1, one_2, one_3) -> [one_1, one_2, one_3], step_1, step_2, step_3)) AS hop_step
    FROM (
    SELECT *,
        arrayMap(place -> next[place], arrayMap((step, place) -> (step - 1) * nowhere + place, step_2, arrayMap(place -> tied_from[place], at_2))) AS at_3,
        arrayMap((step, mask) -> multiIf(bitAnd(mask, {required_16:Array(UInt64)}[step]) > 0, {required_step_17:Array(UInt64)}[step], bitAnd(mask, {optional_18:Array(UInt64)}[step]) > 0, bitCount(bitXor(bitAnd(mask, {optional_18:Array(UInt64)}[step]), bitAnd(mask, {optional_18:Array(UInt64)}[step]) - 1)), {none_19:UInt64}), step_2, arrayMap(place -> masks[place], at_3)) AS step_3
    FROM (
    SELECT *,
        arrayMap(place -> next[place], arrayMap((step, place) -> (step - 1) * nowhere + place, step_1, arrayMap(place -> tied_from[place], at_1))) AS at_2,
        arrayMap((step, mask) -> multiIf(bitAnd(mask, {required_16:Array(UInt64)}[step]) > 0, {required_step_17:Array(UInt64)}[step], bitAnd(mask, {optional_18:Array(UInt64)}[step]) > 0, bitCount(bitXor(bitAnd(mask, {optional_18:Array(UInt64)}[step]), bitAnd(mask, {optional_18:Array(UInt64)}[step]) - 1)), {none_19:UInt64}), step_1, arrayMap(place -> masks[place], at_2)) AS step_2
    FROM (
    SELECT person,
        keys,
        times,
        masks,
        nowhere,
        at_1,
        tied_from,
        arrayConcat(next_1, next_2) AS next,
        arrayMap(place -> 1, at_1) AS step_1
    FROM (
    SELECT *,
        length(times) AS nowhere,
        arrayFilter((place, time, mask) -> bitAnd(mask, {entry_20:UInt64}) > 0 AND time < {end_21:Int64}, arrayEnumerate(times), times, masks) AS at_1,
        arrayFill((place, since) -> since != 0, arrayEnumerate(times), arrayDifference(times)) AS tied_from,
        arrayReverseFill((place, mask) -> bitAnd(mask, {bits_22:UInt64}) > 0, arrayEnumerate(masks), masks) AS next_1,
        arrayReverseFill((place, mask) -> bitAnd(mask, {bits_23:UInt64}) > 0, arrayEnumerate(masks), masks) AS next_2
    FROM (
    SELECT *,
        arrayMap(key -> toInt64(bitShiftRight(key, 160)), keys) AS times,
        arrayMap(key -> toUInt32(key), keys) AS masks
    FROM (
    SELECT person, arrayPushBack(arraySort(groupArray(key)), 0) AS keys
    FROM (
    SELECT distinct_hash AS person, bitOr(
        bitShiftLeft(toUInt256(toUnixTimestamp64Milli(occurred_at) + {epoch_24:Int64}), 160),
        bitOr(bitShiftLeft(toUInt256(toUInt128(event_id)), 32), toUInt256(toUInt32(ifNull((name = {name_25:String}), false) * {bit_26:UInt64} + ifNull((name = {name_27:String}), false) * {bit_28:UInt64} + ifNull((name = {name_29:String}) AND (properties.`plan`.:String = {value_30:String}), false) * {bit_31:UInt64} + ifNull((name = {name_32:String}), false) * {bit_33:UInt64} + ifNull((name = {name_34:String}), false) * {bit_35:UInt64})))
    ) AS key
    FROM events
    WHERE project_id = {project_36:UInt64} AND occurred_at >= {from_37:DateTime64(3, 'UTC')} AND occurred_at < {to_38:DateTime64(3, 'UTC')}
    AND (name IN {names_39:Array(String)})
    AND (cookieless = 0)
) AS event
    WHERE toUInt32(key) > 0
    GROUP BY person
    HAVING max(bitAnd(toUInt32(key), {entry_20:UInt64}) > 0 AND toInt64(bitShiftRight(key, 160)) < {end_21:Int64})
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

-- last_1 = 2
-- hops_2 = 3
-- dropped_3 = 2
-- optional_4 = 4
-- last_5 = 3
-- how_6 = 4
-- window_7 = 1209600000
-- bits_8 = [1048576, 3145728]
-- drops_9 = 1048576
-- how_10 = 2
-- how_11 = 1
-- how_12 = 0
-- not_ended_13 = [3145728, 3145728, 0, 3145728]
-- bits_14 = 1048576
-- bits_15 = 3145728
-- required_16 = [4, 4]
-- required_step_17 = [3, 3]
-- optional_18 = [2, 0]
-- none_19 = 4
-- entry_20 = 1
-- end_21 = 3982172400000
-- bits_22 = 6
-- bits_23 = 4
-- epoch_24 = 2209075200000
-- name_25 = viewed
-- bit_26 = 1
-- name_27 = tried
-- bit_28 = 2
-- name_29 = bought
-- value_30 = pro
-- bit_31 = 4
-- name_32 = left
-- bit_33 = 1048576
-- name_34 = paused
-- bit_35 = 2097152
-- project_36 = 7
-- from_37 = 2026-03-08 23:00:00.000
-- to_38 = 2026-03-23 23:00:00.000
-- names_39 = ['bought', 'left', 'paused', 'tried', 'viewed']
