SELECT 1 AS rank, step, sum(many) AS units, sumMap([bucket], [many]) AS trend, sum(took_by_all) / sum(many) AS average, quantilesExactInclusiveMerge(0.5, 0.95)(levels_of) AS levels, sumForEach(bars_of) AS bars
FROM (
    SELECT step, bucket, count() AS many, sum(took) AS took_by_all, quantilesExactInclusiveState(0.5, 0.95)(took) AS levels_of, sumForEach([took > {above_1:Int64} AND took <= {upto_2:Int64}, took > {above_3:Int64} AND took <= {upto_4:Int64}, took > {above_5:Int64} AND took <= {upto_6:Int64}, took > {above_7:Int64} AND took <= {upto_8:Int64}, took > {above_9:Int64} AND took <= {upto_10:Int64}, took > {above_11:Int64} AND took <= {upto_12:Int64}, took > {above_13:Int64} AND took <= {upto_14:Int64}, took > {above_15:Int64} AND took <= {upto_16:Int64}, took > {above_17:Int64}]) AS bars_of
    FROM (
    SELECT roundDown(toUnixTimestamp64Milli(fromUnixTimestamp64Milli(times[1] - {epoch_18:Int64}, 'UTC')), {bucket_starts_19:Array(Int64)}) AS bucket, arrayJoin(arrayZip(steps, arrayDifference(times))) AS reached,
        tupleElement(reached, 1) AS step, toInt64(tupleElement(reached, 2)) AS took
    FROM (
    SELECT steps, times
    FROM (
    SELECT *,
        tupleElement(hops, 1) AS steps,
        tupleElement(hops, 2) AS times
    FROM (
    SELECT person,
        arrayFilter(hop -> hop.1 * 8 <= tupleElement(attempt, 1), tupleElement(attempt, {last_20:UInt64})) AS hops
    FROM (
    SELECT person,
        arrayJoin(arrayZip(arrayMap(place -> stop[place], chosen), arraySplit(hop -> hop.1 = 1, arrayZip(chosen_step, arrayMap(place -> times[place], chosen_at))))) AS attempt
    FROM (
    SELECT *,
        arrayMap(place -> hop_step[place], chosen_hops) AS chosen_step,
        arrayMap(place -> hop_at[place], chosen_hops) AS chosen_at
    FROM (
    SELECT *,
        arrayFlatten(arrayMap(one -> arrayMap(hop -> (one - 1) * {hops_21:UInt64} + hop, range(1, {hops_21:UInt64} + 1)), chosen)) AS chosen_hops
    FROM (
    SELECT *,
        [indexOf(scores, arrayMax(scores))] AS chosen
    FROM (
    SELECT *,
        arrayMap(stop -> intDiv(stop, 8), stop) AS scores
    FROM (
    SELECT *,
        arrayFilter((one, step) -> step = 1, arrayReverseFill((one, stop) -> stop > 0, hop_stop, hop_stop), hop_step) AS stop
    FROM (
    SELECT *,
        arrayMap((step, since, next_time) -> multiIf(step >= {last_20:UInt64}, step * 8 + {how_22:UInt64}, next_time = 0 OR next_time > since + {window_23:Int64}, step * 8 + {how_24:UInt64}, 0), hop_step, arrayFill((time, step) -> step = 1, hop_time, hop_step), arraySlice(arrayPushBack(hop_time, 0), 2)) AS hop_stop
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
        arrayFlatten(arrayMap((one_1, one_2) -> [one_1, one_2], at_1, at_2)) AS hop_at,
        arrayFlatten(arrayMap((one_1, one_2) -> [greatest(one_1), greatest(one_1, one_2)], at_1, at_2)) AS hop_furthest,
        arrayFlatten(arrayMap(place -> range(1, {end_25:UInt64}), at_1)) AS hop_step
    FROM (
    SELECT *,
        arrayMap(place -> next_1[place], at_1) AS at_2
    FROM (
    SELECT *,
        length(times) AS nowhere,
        arrayFilter((place, time, mask) -> bitAnd(mask, {entry_26:UInt64}) > 0 AND time < {end_27:Int64}, arrayEnumerate(times), times, masks) AS at_1,
        arrayReverseFill((place, mask) -> bitAnd(mask, {bits_28:UInt64}) > 0, arrayEnumerate(masks), masks) AS next_1
    FROM (
    SELECT *,
        arrayMap(key -> toInt64(bitShiftRight(key, 20)), keys) AS times,
        arrayMap(key -> toUInt32(bitAnd(key, 1048575)), keys) AS masks
    FROM (
    SELECT person, arrayPushBack(arraySort(groupArray(key)), 0) AS keys
    FROM (
    SELECT distinct_hash AS person, bitOr(bitShiftLeft(toUInt64(toUnixTimestamp64Milli(occurred_at) + {epoch_18:Int64}), 20), toUInt64(ifNull((name = {name_29:String}), false) * {bit_30:UInt64} + ifNull((name = {name_31:String}) AND (properties.`plan`.:String = {value_32:String}), false) * {bit_33:UInt64})) AS key
    FROM events
    WHERE project_id = {project_34:UInt64} AND occurred_at >= {from_35:DateTime64(3, 'UTC')} AND occurred_at < {to_36:DateTime64(3, 'UTC')}
    AND (name IN {names_37:Array(String)})
    AND (cookieless = 0)
) AS event
    WHERE toUInt32(bitAnd(key, 1048575)) > 0
    GROUP BY person
    HAVING max(bitAnd(toUInt32(bitAnd(key, 1048575)), {entry_26:UInt64}) > 0 AND toInt64(bitShiftRight(key, 20)) < {end_27:Int64})
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

-- above_1 = -1
-- upto_2 = 30000
-- above_3 = 30000
-- upto_4 = 120000
-- above_5 = 120000
-- upto_6 = 300000
-- above_7 = 300000
-- upto_8 = 900000
-- above_9 = 900000
-- upto_10 = 3600000
-- above_11 = 3600000
-- upto_12 = 21600000
-- above_13 = 21600000
-- upto_14 = 86400000
-- above_15 = 86400000
-- upto_16 = 604800000
-- above_17 = 604800000
-- epoch_18 = 2209075200000
-- bucket_starts_19 = [1773010800000]
-- last_20 = 2
-- hops_21 = 2
-- how_22 = 4
-- window_23 = 1209600000
-- how_24 = 0
-- end_25 = 3
-- entry_26 = 1
-- end_27 = 3982172400000
-- bits_28 = 2
-- name_29 = viewed
-- bit_30 = 1
-- name_31 = bought
-- value_32 = pro
-- bit_33 = 2
-- project_34 = 7
-- from_35 = 2026-03-08 23:00:00.000
-- to_36 = 2026-03-23 23:00:00.000
-- names_37 = ['bought', 'viewed']
