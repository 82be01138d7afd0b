WITH person_cohorts AS (
    SELECT
        person,
        entry.1 AS started,
        transform(roundDown(entry.1, {bucket_starts_1:Array(Int64)}), {bucket_starts_1:Array(Int64)}, arrayEnumerate({bucket_starts_1:Array(Int64)}), 0) AS cohort,
        nullIf(tupleElement(entry.2, {place_2:UInt64}), '\0') AS value_1, nullIf(tupleElement(entry.2, {place_3:UInt64}), '\0') AS value_2, nth_in_cell = 1 AS new_to_cell,
        arrayFilter(period -> period BETWEEN 1 AND {last_4:UInt64}, arrayMap(moment -> moment - cohort, moments)) AS in_periods,
        arrayFilter((period, nth) -> nth = {minimum_5:UInt64}, in_periods, arrayEnumerateUniq(in_periods)) AS returned_in,
        arrayPushFront(arrayDistinct(arrayMap(period -> {spans_6:Array(Int64)}[period], returned_in)), 0) AS places
    FROM
    (
        SELECT person, [(minIf(at, starts), tuple(argMinIf(event.value_1, event.start_order, event.starts), argMinIf(event.value_2, event.start_order, event.starts)))] AS entries, groupArrayIf(event.bucket, event.returns) AS moments
        FROM (
    WITH (
        SELECT (groupArray(distinct_hash), groupArray(person))
        FROM
        (
            SELECT distinct_hash, argMax(person_hash, version) AS person
            FROM person_ties
            WHERE project_id = {project_7:UInt64} AND version <= {version_8:UInt64}
            GROUP BY distinct_hash
            HAVING person != distinct_hash
        )
    ) AS ties
    SELECT transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) AS person, toUnixTimestamp64Milli(occurred_at) AS at, ifNull((name = {name_9:String}) AND (occurred_at < {to_10:DateTime64(3, 'UTC')}), false) AS starts, ifNull((name = {name_11:String}) AND (properties.`plan`.:String = {value_12:String}), false) AS returns, toUInt16(transform(roundDown(at, {bucket_starts_13:Array(Int64)}), {bucket_starts_13:Array(Int64)}, arrayEnumerate({bucket_starts_13:Array(Int64)}), 0)) AS bucket, bitShiftLeft(toInt256(at), 128) + toUInt128(event_id) AS start_order, ifNull(properties.`plan`::Nullable(String), '\0') AS value_1, ifNull(nullIf(transform(transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash), tupleElement((
        SELECT (groupArray(person_hash), groupArray(value))
        FROM
        (
            SELECT person_hash, argMax(ifNull(traits.`country`::Nullable(String), '\0'), version) AS value
            FROM person_traits
            WHERE project_id = {project_7:UInt64} AND version <= {version_8:UInt64}
            GROUP BY person_hash
        )
    ), 1), tupleElement((
        SELECT (groupArray(person_hash), groupArray(value))
        FROM
        (
            SELECT person_hash, argMax(ifNull(traits.`country`::Nullable(String), '\0'), version) AS value
            FROM person_traits
            WHERE project_id = {project_7:UInt64} AND version <= {version_8:UInt64}
            GROUP BY person_hash
        )
    ), 2), '\0'), '\0'), '\0') AS value_2
    FROM events
    WHERE project_id = {project_7:UInt64} AND occurred_at >= {from_14:DateTime64(3, 'UTC')} AND occurred_at < {to_15:DateTime64(3, 'UTC')}
    AND (cookieless = 0)
    AND ((((name = {name_9:String}) AND (occurred_at < {to_10:DateTime64(3, 'UTC')})) OR ((name = {name_11:String}) AND (properties.`plan`.:String = {value_12:String}))))
) AS event
        GROUP BY person
        HAVING max(starts)
    )
    ARRAY JOIN entries AS entry,
        arrayEnumerateUniq(arrayMap(entry -> entry.2, entries)) AS nth_in_cell
),
cohort_counts AS (
    SELECT cohort, place, value_1, value_2, count() AS persons, min(started) AS first, max(started) AS last, countIf(place = 0 AND new_to_cell) AS new
    FROM person_cohorts
    ARRAY JOIN places AS place
    GROUP BY cohort, place, value_1, value_2
),
ranked_counts AS (
    SELECT *, dense_rank() OVER (ORDER BY persons_of_cell DESC, value_1, value_2) AS nth_cell
    FROM (SELECT *, sum(new) OVER (PARTITION BY value_1, value_2) AS persons_of_cell FROM cohort_counts)
)
SELECT
    if(nth_cell <= {limit_16:UInt64}, nth_cell, 0) AS rank,
    cohort,
    place,
    sum(counted.persons) AS persons,
    fromUnixTimestamp64Milli(min(first), 'UTC') AS first_start,
    fromUnixTimestamp64Milli(max(last), 'UTC') AS last_start,
    toLowCardinality(if(rank = 0, NULL, any(counted.value_1))) AS value_1, toLowCardinality(if(rank = 0, NULL, any(counted.value_2))) AS value_2
FROM ranked_counts AS counted
GROUP BY rank, cohort, place
ORDER BY rank, cohort, place

-- bucket_starts_1 = [1773010800000]
-- place_2 = 1
-- place_3 = 2
-- last_4 = 3
-- minimum_5 = 1
-- spans_6 = [1, 2, 2]
-- project_7 = 7
-- version_8 = 42
-- name_9 = join
-- to_10 = 2026-03-09 23:00:00.000
-- name_11 = use
-- value_12 = pro
-- bucket_starts_13 = [1773010800000, 1773097200000, 1773183600000, 1773270000000]
-- from_14 = 2026-03-08 23:00:00.000
-- to_15 = 2026-03-12 23:00:00.000
-- limit_16 = 5
