WITH counted AS (
    SELECT value_1, step, bucket, count() AS many
    FROM (
    SELECT value_1, toInt64(0) AS bucket, arrayJoin(arrayZip(steps, arrayDifference(times))) AS reached,
        tupleElement(reached, 1) AS step, toInt64(tupleElement(reached, 2)) AS took
    FROM (
    SELECT steps, times, value_1
    FROM (
    SELECT person, tupleElement(attempt, {place_1:UInt64}) AS steps, tupleElement(attempt, {place_2:UInt64}) AS times, tupleElement(attempt, {place_3:UInt64}) AS value_1
    FROM (
        SELECT person, argMin(tuple(steps, times, value_1), (-score, entry)) AS attempt
        FROM (
    SELECT *,
        tupleElement(hops, 1) AS steps,
        tupleElement(hops, 2) AS times
    FROM (
    SELECT person,
        value_1,
        tupleElement(attempt, {place_2:UInt64}) AS score,
        tupleElement(attempt, {place_3:UInt64}) AS entry,
        tupleElement(attempt, {place_4:UInt64}) AS dropped,
        arrayFilter(hop -> hop.1 * 8 <= tupleElement(attempt, 1), tupleElement(attempt, {last_5:UInt64})) AS hops
    FROM (
    SELECT person,
        value_1,
        arrayJoin(arrayZip(arrayMap(place -> stop[place], chosen), arrayMap(place -> scores[place], chosen), arrayMap(place -> keys[place], arrayMap(place -> at_1[place], chosen)), arrayMap(one -> arrayExists(one -> one % 8 = {dropped_6:UInt64}, stop), chosen), arraySplit(hop -> hop.1 = 1, arrayZip(chosen_step, arrayMap(place -> times[place], chosen_at))))) AS attempt
    FROM (
    SELECT *,
        arrayMap(place -> hop_step[place], chosen_hops) AS chosen_step,
        arrayMap(place -> hop_at[place], chosen_hops) AS chosen_at
    FROM (
    SELECT *,
        arrayFlatten(arrayMap(one -> arrayMap(hop -> (one - 1) * {hops_7:UInt64} + hop, range(1, {hops_7:UInt64} + 1)), chosen)) AS chosen_hops
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
        arrayMap((step, since, next_time) -> multiIf(step >= {last_8:UInt64}, step * 8 + {how_9:UInt64}, next_time = 0 OR next_time > since + {window_10:Int64}, step * 8 + {how_11:UInt64}, 0), hop_step, arrayFill((time, step) -> step = 1, hop_time, hop_step), arraySlice(arrayPushBack(hop_time, 0), 2)) AS hop_stop
    FROM (
    SELECT *,
        arrayMap(place -> times[place], hop_at) AS hop_time
    FROM (
    SELECT person,
        value_1,
        keys,
        times,
        masks,
        nowhere,
        at_1,
        arrayFlatten(arrayMap((one_1, one_2) -> [one_1, one_2], at_1, at_2)) AS hop_at,
        arrayFlatten(arrayMap((one_1, one_2) -> [greatest(one_1), greatest(one_1, one_2)], at_1, at_2)) AS hop_furthest,
        arrayFlatten(arrayMap(place -> range(1, {end_12:UInt64}), at_1)) AS hop_step
    FROM (
    SELECT *,
        arrayMap(place -> next_1[place], arrayMap(place -> tied_from[place], at_1)) AS at_2
    FROM (
    SELECT *,
        length(times) AS nowhere,
        arrayFilter((place, time, mask) -> bitAnd(mask, {entry_13:UInt64}) > 0 AND time < {end_14:Int64}, arrayEnumerate(times), times, masks) AS at_1,
        arrayFill((place, since) -> since != 0, arrayEnumerate(times), arrayDifference(times)) AS tied_from,
        arrayReverseFill((place, mask) -> bitAnd(mask, {bits_15:UInt64}) > 0, arrayEnumerate(masks), masks) AS next_1
    FROM (
    SELECT *,
        arrayMap(key -> toInt64(bitShiftRight(key, 160)), keys) AS times,
        arrayMap(key -> toUInt32(key), keys) AS masks
    FROM (
    SELECT person, value_1, arrayPushBack(arraySort(groupArray(key)), 0) AS keys
    FROM (
    WITH (
        SELECT (groupArray(distinct_hash), groupArray(person))
        FROM
        (
            SELECT distinct_hash, argMax(person_hash, version) AS person
            FROM person_ties
            WHERE project_id = {project_16:UInt64} AND version <= {version_17:UInt64}
            GROUP BY distinct_hash
            HAVING person != distinct_hash
        )
    ) AS ties
    SELECT transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) AS person, nullIf(transform(transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash), tupleElement((
        SELECT (groupArray(person_hash), groupArray(value))
        FROM
        (
            SELECT person_hash, argMax(ifNull(traits.`plan`::Nullable(String), '\0'), version) AS value
            FROM person_traits
            WHERE project_id = {project_16:UInt64} AND version <= {version_17:UInt64}
            GROUP BY person_hash
        )
    ), 1), tupleElement((
        SELECT (groupArray(person_hash), groupArray(value))
        FROM
        (
            SELECT person_hash, argMax(ifNull(traits.`plan`::Nullable(String), '\0'), version) AS value
            FROM person_traits
            WHERE project_id = {project_16:UInt64} AND version <= {version_17:UInt64}
            GROUP BY person_hash
        )
    ), 2), '\0'), '\0') AS value_1, bitOr(
        bitShiftLeft(toUInt256(toUnixTimestamp64Milli(occurred_at) + {epoch_18:Int64}), 160),
        bitOr(bitShiftLeft(toUInt256(toUInt128(event_id)), 32), toUInt256(toUInt32(ifNull((name = {name_19:String}), false) * {bit_20:UInt64} + ifNull((name = {name_21:String}) AND (properties.`plan`.:String = {value_22:String}), false) * {bit_23:UInt64})))
    ) AS key
    FROM events
    WHERE project_id = {project_16:UInt64} AND occurred_at >= {from_24:DateTime64(3, 'UTC')} AND occurred_at < {to_25:DateTime64(3, 'UTC')}
    AND (name IN {names_26:Array(String)})
    AND (cookieless = 0)
) AS event
    WHERE toUInt32(key) > 0
    GROUP BY person, value_1
    HAVING max(bitAnd(toUInt32(key), {entry_13:UInt64}) > 0 AND toInt64(bitShiftRight(key, 160)) < {end_14:Int64})
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
        GROUP BY person
        HAVING NOT max(dropped)
    )
)
)
)
    GROUP BY value_1, step, bucket
),
measured AS (
    SELECT *, sum(if(step = 1, many, 0)) OVER (PARTITION BY value_1) AS entrants
    FROM counted
),
placed AS (
    SELECT *, dense_rank() OVER (ORDER BY entrants DESC, value_1) AS place
    FROM measured
)
SELECT if(place > {limit_27:UInt64}, 0, place) AS rank, step, sum(many) AS units, sumMap([bucket], [many]) AS trend, toLowCardinality(if(rank = 0, NULL, any(placed.value_1))) AS value_1
FROM placed
GROUP BY rank, step
ORDER BY rank, step

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
-- end_12 = 3
-- entry_13 = 1
-- end_14 = 3982172400000
-- bits_15 = 2
-- project_16 = 7
-- version_17 = 42
-- epoch_18 = 2209075200000
-- name_19 = viewed
-- bit_20 = 1
-- name_21 = bought
-- value_22 = pro
-- bit_23 = 2
-- from_24 = 2026-03-08 23:00:00.000
-- to_25 = 2026-03-23 23:00:00.000
-- names_26 = ['bought', 'viewed']
-- limit_27 = 10
