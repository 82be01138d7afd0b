WITH counted AS (
    SELECT value_1, value_2, step, bucket, count() AS many
    FROM (
    SELECT value_1, value_2, toInt64(0) AS bucket, arrayJoin(arrayZip(steps, arrayDifference(times))) AS reached,
        tupleElement(reached, 1) AS step, toInt64(tupleElement(reached, 2)) AS took
    FROM (
    SELECT steps, times, if(empty(value_1_text), NULL, substring(value_1_text, 2)) AS value_1, if(empty(value_2_text), NULL, substring(value_2_text, 2)) AS value_2
    FROM (
    SELECT *,
        tupleElement(hops, 1) AS steps,
        tupleElement(hops, 2) AS times,
        arrayFirst(one -> one != '', tupleElement(hops, {place_1:UInt64})) AS value_1_text,
        arrayFirst(one -> one != '', tupleElement(hops, {place_2:UInt64})) AS value_2_text
    FROM (
    SELECT person,
        arrayFilter(hop -> hop.1 * 8 <= tupleElement(attempt, 1), tupleElement(attempt, {last_3:UInt64})) AS hops
    FROM (
    SELECT person,
        arrayJoin(arrayZip(arrayMap(place -> stop[place], chosen), arraySplit(hop -> hop.1 = 1, arrayZip(chosen_step, arrayMap(place -> times[place], chosen_at), arrayMap(place -> value_1_text[place], chosen_at), arrayMap(place -> value_2_text[place], chosen_at))))) AS attempt
    FROM (
    SELECT *,
        arrayMap(place -> hop_step[place], chosen_hops) AS chosen_step,
        arrayMap(place -> hop_at[place], chosen_hops) AS chosen_at
    FROM (
    SELECT *,
        arrayFlatten(arrayMap(one -> arrayMap(hop -> (one - 1) * {hops_4:UInt64} + hop, range(1, {hops_4:UInt64} + 1)), chosen)) AS chosen_hops
    FROM (
    SELECT *,
        tupleElement(arrayFold(
            (kept, one) -> if(
                one.2 > kept.2 AND one.3 > kept.3, (arrayPushBack(kept.1, one.1), one.4.1, one.4.2), kept
            ),
            arrayZip(arrayEnumerate(at_1), at_1, arrayMap(place -> times[place], at_1), ends),
            (CAST([], 'Array(UInt32)'), toInt64(0), toInt64(0))
        ), 1) AS chosen
    FROM (
    SELECT *,
        arrayFilter((one, step) -> step = 1, arrayReverseFill((one, stop) -> stop > 0, hop_stop, hop_stop), hop_step) AS stop,
        arrayFilter((one, step) -> step = 1, arrayReverseFill((one, stop) -> stop > 0, hop_end, hop_stop), hop_step) AS ends
    FROM (
    SELECT *,
        arrayMap((step, since, next_time, stop, furthest) -> multiIf(
            stop % 8 = {over_5:UInt64}, (toInt64(0), since + {window_6:Int64}),
            stop % 8 IN ({cut_7:UInt64}, {dropped_8:UInt64}), (toInt64(greatest(furthest, furthest)), toInt64(0)),
            (toInt64(furthest), toInt64(0))
        ), hop_step, arrayFill((time, step) -> step = 1, hop_time, hop_step), arraySlice(arrayPushBack(hop_time, 0), 2), hop_stop, hop_furthest) AS hop_end
    FROM (
    SELECT *,
        arrayMap((step, since, next_time) -> multiIf(step >= {last_3:UInt64}, step * 8 + {how_9:UInt64}, next_time = 0 OR next_time > since + {window_6:Int64}, step * 8 + {how_10:UInt64}, 0), hop_step, arrayFill((time, step) -> step = 1, hop_time, hop_step), arraySlice(arrayPushBack(hop_time, 0), 2)) AS hop_stop
    FROM (
    SELECT *,
        arrayMap(place -> times[place], hop_at) AS hop_time
    FROM (
    SELECT person,
        keys,
        value_1_text,
        value_2_text,
        times,
        masks,
        nowhere,
        at_1,
        arrayFlatten(arrayMap((one_1, one_2) -> [one_1, one_2], at_1, at_2)) AS hop_at,
        arrayFlatten(arrayMap((one_1, one_2) -> [greatest(one_1), greatest(one_1, one_2)], at_1, at_2)) AS hop_furthest,
        arrayFlatten(arrayMap(place -> range(1, {end_11:UInt64}), at_1)) AS hop_step
    FROM (
    SELECT *,
        arrayMap(place -> next_1[place], arrayMap(place -> tied_from[place], at_1)) AS at_2
    FROM (
    SELECT *,
        length(times) AS nowhere,
        arrayFilter((place, time, mask) -> bitAnd(mask, {entry_12:UInt64}) > 0 AND time < {end_13:Int64}, arrayEnumerate(times), times, masks) AS at_1,
        arrayFill((place, since) -> since != 0, arrayEnumerate(times), arrayDifference(times)) AS tied_from,
        arrayReverseFill((place, mask) -> bitAnd(mask, {bits_14:UInt64}) > 0, arrayEnumerate(masks), masks) AS next_1
    FROM (
    SELECT *,
        arrayMap(key -> toInt64(bitShiftRight(key, 160)), keys) AS times,
        arrayMap(key -> toUInt32(key), keys) AS masks
    FROM (
    SELECT person, arrayPushBack(arrayMap(place -> unsorted_keys[place], sorted), 0) AS keys, arrayMap(place -> unsorted_value_1_text[place], sorted) AS value_1_text, arrayMap(place -> unsorted_value_2_text[place], sorted) AS value_2_text
    FROM (
    SELECT person, groupArray(key) AS unsorted_keys, arraySort((place, key) -> key, arrayEnumerate(unsorted_keys), unsorted_keys) AS sorted, groupArray(value_1_text) AS unsorted_value_1_text, groupArray(value_2_text) AS unsorted_value_2_text
    FROM (
    SELECT distinct_hash AS person, properties.`plan`::Nullable(String) AS value_1, if(browser != '', browser, properties.`$browser`::Nullable(String)) AS value_2, ifNull(concat('=', value_1), '') AS value_1_text, ifNull(concat('=', value_2), '') AS value_2_text, bitOr(
        bitShiftLeft(toUInt256(toUnixTimestamp64Milli(occurred_at) + {epoch_15:Int64}), 160),
        bitOr(bitShiftLeft(toUInt256(toUInt128(event_id)), 32), toUInt256(toUInt32(ifNull((name = {name_16:String}), false) * {bit_17:UInt64} + ifNull((name = {name_18:String}) AND (properties.`plan`.:String = {value_19:String}), false) * {bit_20:UInt64})))
    ) AS key
    FROM events
    WHERE project_id = {project_21:UInt64} AND occurred_at >= {from_22:DateTime64(3, 'UTC')} AND occurred_at < {to_23:DateTime64(3, 'UTC')}
    AND (name IN {names_24:Array(String)})
) AS event
    WHERE toUInt32(key) > 0
    GROUP BY person
    HAVING max(bitAnd(toUInt32(key), {entry_12:UInt64}) > 0 AND toInt64(bitShiftRight(key, 160)) < {end_13:Int64})
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
    GROUP BY value_1, value_2, step, bucket
),
measured AS (
    SELECT *, sum(if(step = 1, many, 0)) OVER (PARTITION BY value_1, value_2) AS entrants
    FROM counted
),
placed AS (
    SELECT *, dense_rank() OVER (ORDER BY entrants DESC, value_1, value_2) AS place
    FROM measured
)
SELECT if(place > {limit_25:UInt64}, 0, place) AS rank, step, sum(many) AS units, sumMap([bucket], [many]) AS trend, toLowCardinality(if(rank = 0, NULL, any(placed.value_1))) AS value_1, toLowCardinality(if(rank = 0, NULL, any(placed.value_2))) AS value_2
FROM placed
GROUP BY rank, step
ORDER BY rank, step

-- place_1 = 3
-- place_2 = 4
-- last_3 = 2
-- hops_4 = 2
-- over_5 = 0
-- window_6 = 1209600000
-- cut_7 = 1
-- dropped_8 = 2
-- how_9 = 4
-- how_10 = 0
-- end_11 = 3
-- entry_12 = 1
-- end_13 = 3982172400000
-- bits_14 = 2
-- epoch_15 = 2209075200000
-- name_16 = viewed
-- bit_17 = 1
-- name_18 = bought
-- value_19 = pro
-- bit_20 = 2
-- project_21 = 7
-- from_22 = 2026-03-08 23:00:00.000
-- to_23 = 2026-03-23 23:00:00.000
-- names_24 = ['bought', 'viewed']
-- limit_25 = 5
