SELECT 1 AS rank, step, sum(many) AS units, sumMap([bucket], [many]) AS trend
FROM (
    SELECT step, bucket, count() AS many
    FROM (
    SELECT toInt64(0) AS bucket, arrayJoin(arrayZip(steps, arrayDifference(times))) AS reached,
        tupleElement(reached, 1) AS step, toInt64(tupleElement(reached, 2)) AS took
    FROM (
    SELECT steps, times
    FROM (
    SELECT person, held_1_text, tupleElement(attempt, {place_1:UInt64}) AS steps, tupleElement(attempt, {place_2:UInt64}) AS times
    FROM (
        SELECT person, held_1_text, argMin(tuple(steps, times), (-score, entry)) AS attempt
        FROM (
    SELECT *,
        tupleElement(hops, 1) AS steps,
        tupleElement(hops, 2) AS times,
        tupleElement(hops, {place_3:UInt64})[1] AS held_1_text
    FROM (
    SELECT person,
        tupleElement(attempt, {place_2:UInt64}) AS score,
        tupleElement(attempt, {place_3:UInt64}) AS entry,
        tupleElement(attempt, {place_4:UInt64}) AS dropped,
        arrayFilter(hop -> hop.1 * 8 <= tupleElement(attempt, 1), tupleElement(attempt, {last_5:UInt64})) AS hops
    FROM (
    SELECT person,
        arrayJoin(arrayZip(arrayMap(place -> stop[place], chosen), arrayMap(place -> scores[place], chosen), arrayMap(place -> keys[place], arrayMap(place -> at_1[place], chosen)), arrayMap(place -> arrayMap(one -> one % 8 = {dropped_6:UInt64}, stop)[place], chosen), arraySplit(hop -> hop.1 = 1, arrayZip(chosen_step, arrayMap(place -> times[place], chosen_at), arrayMap(place -> held_1_text[place], chosen_at))))) AS attempt
    FROM (
    SELECT *,
        arrayMap(place -> hop_step[place], chosen_hops) AS chosen_step,
        arrayMap(place -> hop_at[place], chosen_hops) AS chosen_at
    FROM (
    SELECT *,
        arrayFlatten(arrayMap(one -> arrayMap(hop -> (one - 1) * {hops_7:UInt64} + hop, range(1, {hops_7:UInt64} + 1)), chosen)) AS chosen_hops
    FROM (
    SELECT *,
        arrayEnumerate(at_1) AS chosen
    FROM (
    SELECT *,
        arrayMap(stop -> intDiv(stop, 8), stop) AS scores
    FROM (
    SELECT *,
        arrayFilter((one, step) -> step = 1, arrayReverseFill((one, stop) -> stop > 0, hop_stop, hop_stop), hop_step) AS stop
    FROM (
    SELECT *,
        arrayMap((step, since, next_time, next_at, next_step, next_mask, next_kin) -> multiIf(step >= {last_8:UInt64}, step * 8 + {how_9:UInt64}, next_time = 0 OR next_time > since + {window_10:Int64}, step * 8 + {how_11:UInt64}, next_kin = 0, step * 8 + {how_12:UInt64}, next_step > {last_8:UInt64}, step * 8 + {how_12:UInt64}, 0), hop_step, arrayFill((time, step) -> step = 1, hop_time, hop_step), arraySlice(arrayPushBack(hop_time, 0), 2), arraySlice(arrayPushBack(hop_at, 0), 2), arraySlice(arrayPushBack(hop_step, 0), 2), arraySlice(arrayPushBack(arrayMap(place -> masks[place], hop_at), 0), 2), arrayMap(place -> kin[place], hop_at)) AS hop_stop
    FROM (
    SELECT *,
        arrayMap(place -> times[place], hop_at) AS hop_time
    FROM (
    SELECT person,
        keys,
        held_1_text,
        kin,
        times,
        masks,
        nowhere,
        at_1,
        arrayFlatten(arrayMap((one_1, one_2) -> [one_1, one_2], at_1, at_2)) AS hop_at,
        arrayFlatten(arrayMap((one_1, one_2) -> [greatest(one_1), greatest(one_1, one_2)], at_1, at_2)) AS hop_furthest,
        arrayFlatten(arrayMap((one_1, one_2) -> [one_1, one_2], step_1, step_2)) AS hop_step
    FROM (
    SELECT *,
        arrayMap(mask -> if(bitAnd(mask, {bit_13:UInt64}) > 0, {step_14:UInt64}, {none_15:UInt64}), arrayMap(place -> masks[place], at_2)) AS step_2
    FROM (
    SELECT *,
        arrayMap(place -> place + {by_16:UInt64}, at_1) AS at_2,
        arrayMap(place -> 1, at_1) AS step_1
    FROM (
    SELECT *,
        length(times) AS nowhere,
        arrayFilter((place, time, mask) -> bitAnd(mask, {entry_17:UInt64}) > 0 AND time < {end_18:Int64}, arrayEnumerate(times), times, masks) AS at_1
    FROM (
    SELECT *,
        arrayMap(key -> toInt64(bitShiftRight(key, 160)), keys) AS times,
        arrayMap(key -> toUInt32(key), keys) AS masks
    FROM (
    SELECT *, arrayMap((one_0, next_0) -> one_0 = next_0, held_1_text, arrayPushBack(arrayPopFront(held_1_text), '')) AS kin
    FROM (
    SELECT person, arrayPushBack(arrayMap(place -> unsorted_keys[place], sorted), 0) AS keys, arrayMap(place -> unsorted_held_1_text[place], sorted) AS held_1_text
    FROM (
    SELECT person, groupArray(key) AS unsorted_keys, arraySort((place, key) -> key, arrayEnumerate(unsorted_keys), unsorted_keys) AS sorted, groupArray(held_1_text) AS unsorted_held_1_text
    FROM (
    SELECT distinct_hash AS person, properties.`cart`::Nullable(String) AS held_1, ifNull(concat('=', held_1), '') AS held_1_text, bitOr(
        bitShiftLeft(toUInt256(toUnixTimestamp64Milli(occurred_at) + {epoch_19:Int64}), 160),
        bitOr(bitShiftLeft(toUInt256(toUInt128(event_id)), 32), toUInt256(toUInt32(if(isNotNull(held_1), ifNull((name = {name_20:String}), false) * {bit_21:UInt64} + ifNull((name = {name_22:String}) AND (properties.`plan`.:String = {value_23:String}), false) * {bit_13:UInt64}, 0))))
    ) AS key
    FROM events
    WHERE project_id = {project_24:UInt64} AND occurred_at >= {from_25:DateTime64(3, 'UTC')} AND occurred_at < {to_26:DateTime64(3, 'UTC')}
    AND (cookieless = 0)
) AS event
    GROUP BY person
    HAVING max(bitAnd(toUInt32(key), {entry_17:UInt64}) > 0 AND toInt64(bitShiftRight(key, 160)) < {end_18:Int64})
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
-- last_5 = 5
-- dropped_6 = 2
-- hops_7 = 2
-- last_8 = 2
-- how_9 = 4
-- window_10 = 1209600000
-- how_11 = 0
-- how_12 = 3
-- bit_13 = 2
-- step_14 = 2
-- none_15 = 3
-- by_16 = 1
-- entry_17 = 1
-- end_18 = 3982172400000
-- epoch_19 = 2209075200000
-- name_20 = viewed
-- bit_21 = 1
-- name_22 = bought
-- value_23 = pro
-- project_24 = 7
-- from_25 = 2026-03-08 23:00:00.000
-- to_26 = 2026-03-23 23:00:00.000
