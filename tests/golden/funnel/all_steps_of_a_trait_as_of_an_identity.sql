WITH counted AS (
    SELECT value_1, step, bucket, count() AS many
    FROM (
    SELECT value_1, toInt64(0) AS bucket, arrayJoin(arrayZip(
        arrayFilter((step, time) -> time > 0, arrayEnumerate(times), times), arrayDifference(arrayFilter(time -> time > 0, times))
    )) AS reached, tupleElement(reached, 1) AS step, toInt64(tupleElement(reached, 2)) AS took
    FROM (
    SELECT times, value_1
    FROM (
    SELECT person, tupleElement(attempt, {place_1:UInt64}) AS times, tupleElement(attempt, {place_2:UInt64}) AS value_1
    FROM (
        SELECT person, argMin(tuple(times, value_1), (-score, entry)) AS attempt
        FROM (
    SELECT person, value_1, tupleElement(attempt, {place_1:UInt64}) AS times, tupleElement(attempt, {place_2:UInt64}) AS entry, tupleElement(attempt, {place_3:UInt64}) AS score, tupleElement(attempt, {place_4:UInt64}) AS dropped
    FROM (
        SELECT person, value_1, arrayJoin(arrayZip(arrayMap((stop, one_1, one_2) -> [if(stop >= {first_5:UInt64}, one_1, 0), if(stop >= {first_6:UInt64}, one_2, 0)], arrayMap(place -> stop[place], chosen), arrayMap(place -> time_1[place], chosen), arrayMap(place -> time_2[place], chosen)), arrayMap(place -> keys[place], arrayMap(place -> at_1[place], chosen)), arrayMap(place -> scores[place], chosen), arrayMap(place -> arrayMap(one -> arrayExists(one -> one % 8 = {dropped_7:UInt64}, stop), stop)[place], chosen))) AS attempt
        FROM (
            SELECT *, [indexOf(scores, arrayMax(scores))] AS chosen
            FROM (
    SELECT *,
        arrayMap(stop -> intDiv(stop, 8), stop) AS scores
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
    SELECT person, value_1, arraySort(groupArray(key)) AS keys
    FROM (
    WITH (
        SELECT (groupArray(distinct_hash), groupArray(person))
        FROM
        (
            SELECT distinct_hash, argMax(person_hash, version) AS person
            FROM person_ties
            WHERE project_id = {project_14:UInt64} AND version <= {version_15:UInt64}
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
            WHERE project_id = {project_14:UInt64} AND version <= {version_15:UInt64}
            GROUP BY person_hash
        )
    ), 1), tupleElement((
        SELECT (groupArray(person_hash), groupArray(value))
        FROM
        (
            SELECT person_hash, argMax(ifNull(traits.`plan`::Nullable(String), '\0'), version) AS value
            FROM person_traits
            WHERE project_id = {project_14:UInt64} AND version <= {version_15:UInt64}
            GROUP BY person_hash
        )
    ), 2), '\0'), '\0') AS value_1, bitOr(
        bitShiftLeft(toUInt256(toUnixTimestamp64Milli(occurred_at) + {epoch_16:Int64}), 160),
        bitOr(bitShiftLeft(toUInt256(toUInt128(event_id)), 32), toUInt256(toUInt32(ifNull((name = {name_17:String}), false) * {bit_18:UInt64} + ifNull((name = {name_19:String}) AND (properties.`plan`.:String = {value_20:String}), false) * {bit_21:UInt64})))
    ) AS key
    FROM events
    WHERE project_id = {project_14:UInt64} AND occurred_at >= {from_22:DateTime64(3, 'UTC')} AND occurred_at < {to_23:DateTime64(3, 'UTC')}
    AND (name IN {names_24:Array(String)})
    AND (cookieless = 0)
) AS event
    WHERE toUInt32(key) > 0
    GROUP BY person, value_1
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
SELECT if(place > {limit_25:UInt64}, 0, place) AS rank, step, sum(many) AS units, sumMap([bucket], [many]) AS trend, if(rank = 0, NULL, any(placed.value_1)) AS value_1
FROM placed
GROUP BY rank, step
ORDER BY rank, step

-- place_1 = 1
-- place_2 = 2
-- place_3 = 3
-- place_4 = 4
-- first_5 = 8
-- first_6 = 16
-- dropped_7 = 2
-- window_8 = 1209600000
-- stop_9 = 8
-- done_10 = 20
-- entry_11 = 1
-- end_12 = 3982172400000
-- bits_13 = 2
-- project_14 = 7
-- version_15 = 42
-- epoch_16 = 2209075200000
-- name_17 = viewed
-- bit_18 = 1
-- name_19 = bought
-- value_20 = pro
-- bit_21 = 2
-- from_22 = 2026-03-08 23:00:00.000
-- to_23 = 2026-03-23 23:00:00.000
-- names_24 = ['bought', 'viewed']
-- limit_25 = 10
