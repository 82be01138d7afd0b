SELECT 1 AS rank, step, sum(many) AS units, sumMap([bucket], [many]) AS trend, sum(took_by_all) / sum(many) AS average, quantilesExactInclusiveMerge(0.5, 0.95)(levels_of) AS levels, sumForEach(bars_of) AS bars
FROM (
    SELECT step, bucket, count() AS many, sum(took) AS took_by_all, quantilesExactInclusiveState(0.5, 0.95)(took) AS levels_of, sumForEach([took > {above_1:Int64} AND took <= {upto_2:Int64}, took > {above_3:Int64} AND took <= {upto_4:Int64}, took > {above_5:Int64} AND took <= {upto_6:Int64}, took > {above_7:Int64} AND took <= {upto_8:Int64}, took > {above_9:Int64} AND took <= {upto_10:Int64}, took > {above_11:Int64} AND took <= {upto_12:Int64}, took > {above_13:Int64} AND took <= {upto_14:Int64}, took > {above_15:Int64} AND took <= {upto_16:Int64}, took > {above_17:Int64}]) AS bars_of
    FROM (
    SELECT roundDown(toUnixTimestamp64Milli(fromUnixTimestamp64Milli(times[1] - {epoch_18:Int64}, 'UTC')), {bucket_starts_19:Array(Int64)}) AS bucket, arrayJoin(arrayZip(
        arrayFilter((step, time) -> time > 0, arrayEnumerate(times), times), arrayDifference(arrayFilter(time -> time > 0, times))
    )) AS reached, tupleElement(reached, 1) AS step, toInt64(tupleElement(reached, 2)) AS took
    FROM (
    SELECT times
    FROM (
    SELECT person, tupleElement(attempt, {place_20:UInt64}) AS times
    FROM (
        SELECT person, arrayJoin(arrayZip(arrayMap((stop, one_1, one_2) -> [if(stop >= {first_21:UInt64}, one_1, 0), if(stop >= {first_22:UInt64}, one_2, 0)], arrayMap(place -> stop[place], chosen), arrayMap(place -> time_1[place], chosen), arrayMap(place -> time_2[place], chosen)))) AS attempt
        FROM (
            SELECT *, [indexOf(scores, arrayMax(scores))] AS chosen
            FROM (
    SELECT *,
        arrayMap(stop -> intDiv(stop, 8), stop) AS scores
    FROM (
    SELECT *,
        arrayMap((time_1, next_time_1) -> multiIf((next_time_1 = 0 OR next_time_1 > time_1 + {window_23:Int64}), {stop_24:UInt64}, {done_25:UInt64}), time_1, next_time_1) AS stop
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
        arrayFilter((place, time, mask) -> bitAnd(mask, {entry_26:UInt64}) > 0 AND time < {end_27:Int64}, arrayEnumerate(keys), times, masks) AS at_1,
        arrayFill((place, since) -> since > 0, arrayEnumerate(times), arrayDifference(times)) AS tied_from,
        arrayReverseFill((place, mask) -> bitAnd(mask, {bits_28:UInt64}) > 0, arrayPushBack(arrayEnumerate(masks), 0), arrayPushBack(masks, 0)) AS next_1
    FROM (
    SELECT *,
        arrayMap(key -> toInt64(bitShiftRight(key, 160)), keys) AS times,
        arrayMap(key -> toUInt32(key), keys) AS masks
    FROM (
    SELECT person, arraySort(groupArray(key)) AS keys
    FROM (
    SELECT distinct_hash AS person, bitOr(
        bitShiftLeft(toUInt256(toUnixTimestamp64Milli(occurred_at) + {epoch_18:Int64}), 160),
        bitOr(bitShiftLeft(toUInt256(toUInt128(event_id)), 32), toUInt256(toUInt32(ifNull((name = {name_29:String}), false) * {bit_30:UInt64} + ifNull((name = {name_31:String}) AND (properties.`plan`.:String = {value_32:String}), false) * {bit_33:UInt64})))
    ) AS key
    FROM events
    WHERE project_id = {project_34:UInt64} AND occurred_at >= {from_35:DateTime64(3, 'UTC')} AND occurred_at < {to_36:DateTime64(3, 'UTC')}
    AND (name IN {names_37:Array(String)})
    AND (cookieless = 0)
) AS event
    WHERE toUInt32(key) > 0
    GROUP BY person
    HAVING max(bitAnd(toUInt32(key), {entry_26:UInt64}) > 0 AND toInt64(bitShiftRight(key, 160)) < {end_27:Int64})
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
-- place_20 = 1
-- first_21 = 8
-- first_22 = 16
-- window_23 = 1209600000
-- stop_24 = 8
-- done_25 = 20
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
