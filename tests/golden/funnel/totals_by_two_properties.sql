WITH counted AS (
    SELECT value_1, value_2, step, bucket, count() AS many
    FROM (
    SELECT value_1, value_2, toInt64(0) AS bucket, arrayJoin(arrayZip(
        arrayFilter((step, time) -> time > 0, arrayEnumerate(times), times), arrayDifference(arrayFilter(time -> time > 0, times))
    )) AS reached, tupleElement(reached, 1) AS step, toInt64(tupleElement(reached, 2)) AS took
    FROM (
    SELECT times, if(empty(value_1_text), NULL, substring(value_1_text, 2)) AS value_1, if(empty(value_2_text), NULL, substring(value_2_text, 2)) AS value_2
    FROM (
    SELECT person, tupleElement(attempt, {place_1:UInt64}) AS times, tupleElement(attempt, {place_2:UInt64}) AS value_1_text, tupleElement(attempt, {place_3:UInt64}) AS value_2_text
    FROM (
        SELECT person, arrayJoin(arrayZip(arrayMap((stop, one_1, one_2) -> [if(stop >= {first_4:UInt64}, one_1, 0), if(stop >= {first_5:UInt64}, one_2, 0)], arrayMap(place -> stop[place], chosen), arrayMap(place -> time_1[place], chosen), arrayMap(place -> time_2[place], chosen)), arrayMap(texts -> arrayFirst(one -> one != '', texts), arrayMap((one_0, one_1) -> [one_0, one_1], arrayMap(place -> value_1_text[place], arrayMap(one -> one[{step_6:UInt64}], reached)), arrayMap(place -> value_1_text[place], arrayMap(one -> one[{step_7:UInt64}], reached)))), arrayMap(texts -> arrayFirst(one -> one != '', texts), arrayMap((one_0, one_1) -> [one_0, one_1], arrayMap(place -> value_2_text[place], arrayMap(one -> one[{step_6:UInt64}], reached)), arrayMap(place -> value_2_text[place], arrayMap(one -> one[{step_7:UInt64}], reached)))))) AS attempt
        FROM (
            SELECT *, tupleElement(arrayFold(
                (kept, one) -> if(
                    one.2 > kept.2 AND one.3 > kept.3, (arrayPushBack(kept.1, one.1), one.4.1, one.4.2), kept
                ),
                arrayZip(arrayEnumerate(at_1), at_1, time_1, ends),
                (CAST([], 'Array(UInt32)'), toInt64(0), toInt64(0))
            ), 1) AS chosen, arrayMap((stop, one_1, one_2) -> [if(stop >= {first_4:UInt64}, one_1, 0), if(stop >= {first_5:UInt64}, one_2, 0)], arrayMap(place -> stop[place], chosen), arrayMap(place -> at_1[place], chosen), arrayMap(place -> at_2[place], chosen)) AS reached
            FROM (
    SELECT *,
        arrayMap((stop, time_1, at_1, at_2, next_at_1) -> multiIf(stop % 8 = 0, (toInt64(0), [time_1 + {window_8:Int64}, time_1 + {window_8:Int64}][intDiv(stop, 8)]), stop % 8 IN (1, 2), (toInt64(greatest([next_at_1][intDiv(stop, 8)], arrayMax(arraySlice([at_1, at_2], 1, intDiv(stop, 8))))), toInt64(0)), (toInt64(arrayMax(arraySlice([at_1, at_2], 1, intDiv(stop, 8)))), toInt64(0))), stop, time_1, at_1, at_2, next_at_1) AS ends
    FROM (
    SELECT *,
        arrayMap((time_1, next_time_1) -> multiIf((next_time_1 = 0 OR next_time_1 > time_1 + {window_8:Int64}), {stop_9:UInt64}, {done_10:UInt64}), time_1, next_time_1) AS stop
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
        arrayFilter((place, time, mask) -> bitAnd(mask, {entry_11:UInt64}) > 0 AND time < {end_12:Int64}, arrayEnumerate(keys), times, masks) AS at_1,
        arrayFill((place, since) -> since > 0, arrayEnumerate(times), arrayDifference(times)) AS tied_from,
        arrayReverseFill((place, mask) -> bitAnd(mask, {bits_13:UInt64}) > 0, arrayPushBack(arrayEnumerate(masks), 0), arrayPushBack(masks, 0)) AS next_1
    FROM (
    SELECT *,
        arrayMap(key -> toInt64(bitShiftRight(key, 160)), keys) AS times,
        arrayMap(key -> toUInt32(key), keys) AS masks
    FROM (
    SELECT *, arrayMap(place -> unsorted_keys[place], sorted) AS keys, arrayMap(place -> unsorted_value_1_text[place], sorted) AS value_1_text, arrayMap(place -> unsorted_value_2_text[place], sorted) AS value_2_text
    FROM (
    SELECT person, groupArray(key) AS unsorted_keys, arraySort((place, key) -> key, arrayEnumerate(unsorted_keys), unsorted_keys) AS sorted, groupArray(value_1_text) AS unsorted_value_1_text, groupArray(value_2_text) AS unsorted_value_2_text
    FROM (
    SELECT distinct_hash AS person, properties.`plan`::Nullable(String) AS value_1, if(browser != '', browser, properties.`$browser`::Nullable(String)) AS value_2, ifNull(concat('=', value_1), '') AS value_1_text, ifNull(concat('=', value_2), '') AS value_2_text, bitOr(
        bitShiftLeft(toUInt256(toUnixTimestamp64Milli(occurred_at) + {epoch_14:Int64}), 160),
        bitOr(bitShiftLeft(toUInt256(toUInt128(event_id)), 32), toUInt256(toUInt32(ifNull((name = {name_15:String}), false) * {bit_16:UInt64} + ifNull((name = {name_17:String}) AND (properties.`plan`.:String = {value_18:String}), false) * {bit_19:UInt64})))
    ) AS key
    FROM events
    WHERE project_id = {project_20:UInt64} AND occurred_at >= {from_21:DateTime64(3, 'UTC')} AND occurred_at < {to_22:DateTime64(3, 'UTC')}
    AND (name IN {names_23:Array(String)})
) AS event
    WHERE toUInt32(key) > 0
    GROUP BY person
    HAVING max(bitAnd(toUInt32(key), {entry_11:UInt64}) > 0 AND toInt64(bitShiftRight(key, 160)) < {end_12:Int64})
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
SELECT if(place > {limit_24:UInt64}, 0, place) AS rank, step, sum(many) AS units, sumMap([bucket], [many]) AS trend, if(rank = 0, NULL, any(placed.value_1)) AS value_1, if(rank = 0, NULL, any(placed.value_2)) AS value_2
FROM placed
GROUP BY rank, step
ORDER BY rank, step

-- place_1 = 1
-- place_2 = 2
-- place_3 = 3
-- first_4 = 8
-- first_5 = 16
-- step_6 = 1
-- step_7 = 2
-- window_8 = 1209600000
-- stop_9 = 8
-- done_10 = 20
-- entry_11 = 1
-- end_12 = 3982172400000
-- bits_13 = 2
-- epoch_14 = 2209075200000
-- name_15 = viewed
-- bit_16 = 1
-- name_17 = bought
-- value_18 = pro
-- bit_19 = 2
-- project_20 = 7
-- from_21 = 2026-03-08 23:00:00.000
-- to_22 = 2026-03-23 23:00:00.000
-- names_23 = ['bought', 'viewed']
-- limit_24 = 5
