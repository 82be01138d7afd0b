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
        [indexOf(scores, arrayMax(scores))] AS chosen
    FROM (
    SELECT *,
        arrayMap(stop -> intDiv(stop, 8), stop) AS scores
    FROM (
    SELECT *,
        arrayFilter((one, step) -> step = 1, arrayReverseFill((one, stop) -> stop > 0, hop_stop, hop_stop), hop_step) AS stop
    FROM (
    SELECT *,
        arrayMap((step, since, next_time) -> multiIf(step >= {last_1:UInt64}, step * 8 + {how_3:UInt64}, next_time = 0 OR next_time > since + {window_4:Int64}, step * 8 + {how_5:UInt64}, 0), hop_step, arrayFill((time, step) -> step = 1, hop_time, hop_step), arraySlice(arrayPushBack(hop_time, 0), 2)) AS hop_stop
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
        arrayFlatten(arrayMap(place -> range(1, {end_6:UInt64}), at_1)) AS hop_step
    FROM (
    SELECT *,
        arrayMap(place -> next_1[place], at_1) AS at_2
    FROM (
    SELECT *,
        length(times) AS nowhere,
        arrayFilter((place, time, mask) -> bitAnd(mask, {entry_7:UInt64}) > 0 AND time < {end_8:Int64}, arrayEnumerate(times), times, masks) AS at_1,
        arrayReverseFill((place, mask) -> bitAnd(mask, {bits_9:UInt64}) > 0, arrayEnumerate(masks), masks) AS next_1
    FROM (
    SELECT *,
        arrayMap(key -> toInt64(bitShiftRight(key, 20)), keys) AS times,
        arrayMap(key -> toUInt32(bitAnd(key, 1048575)), keys) AS masks
    FROM (
    SELECT person, arrayPushBack(arraySort(groupArray(key)), 0) AS keys
    FROM (
    SELECT distinct_hash AS person, bitOr(bitShiftLeft(toUInt64(toUnixTimestamp64Milli(occurred_at) + {epoch_10:Int64}), 20), toUInt64(ifNull((name = {name_11:String}), false) * {bit_12:UInt64} + ifNull((name = {name_13:String}), false) * {bit_14:UInt64})) AS key
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
    HAVING max(bitAnd(toUInt32(bitAnd(key, 1048575)), {entry_7:UInt64}) > 0 AND toInt64(bitShiftRight(key, 20)) < {end_8:Int64})
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
-- hops_2 = 2
-- how_3 = 4
-- window_4 = 1209600000
-- how_5 = 0
-- end_6 = 3
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
