WITH person_cohorts AS (
    SELECT
        person,
        entry.1 AS started,
        transform(roundDown(entry.1, {bucket_starts_1:Array(Int64)}), {bucket_starts_1:Array(Int64)}, arrayEnumerate({bucket_starts_1:Array(Int64)}), 0) AS cohort,
        nullIf(tupleElement(entry.2, {place_2:UInt64}), '\0') AS value_1, nth_in_cell = 1 AS new_to_cell,
        arrayFilter(period -> period BETWEEN 1 AND {last_3:UInt64}, arrayMap(moment -> moment - cohort, moments)) AS in_periods,
        arrayFilter((period, nth) -> nth = {minimum_4:UInt64}, in_periods, arrayEnumerateUniq(in_periods)) AS returned_in,
        arrayPushFront(returned_in, 0) AS places
    FROM
    (
        SELECT person, [(minIf(at, starts), tuple(argMinIf(event.value_1, event.start_order, event.starts)))] AS entries, groupArrayIf(event.bucket, event.returns) AS moments
        FROM (
    SELECT distinct_hash AS person, toUnixTimestamp64Milli(occurred_at) AS at, ifNull((name = {name_5:String}) AND (occurred_at < {to_6:DateTime64(3, 'UTC')}), false) AS starts, ifNull((name = {name_7:String}), false) AS returns, toUInt16(transform(roundDown(at, {bucket_starts_8:Array(Int64)}), {bucket_starts_8:Array(Int64)}, arrayEnumerate({bucket_starts_8:Array(Int64)}), 0)) AS bucket, bitShiftLeft(toInt256(at), 128) + toUInt128(event_id) AS start_order, ifNull(properties.`plan`::Nullable(String), '\0') AS value_1
    FROM events
    WHERE project_id = {project_9:UInt64} AND occurred_at >= {from_10:DateTime64(3, 'UTC')} AND occurred_at < {to_11:DateTime64(3, 'UTC')}
    AND (cookieless = 0)
    AND ((((name = {name_5:String}) AND (occurred_at < {to_6:DateTime64(3, 'UTC')})) OR ((name = {name_7:String}))))
) AS event
        GROUP BY person
        HAVING max(starts)
    )
    ARRAY JOIN entries AS entry,
        arrayEnumerateUniq(arrayMap(entry -> entry.2, entries)) AS nth_in_cell
)
SELECT person
FROM (
    SELECT *, dense_rank() OVER (ORDER BY persons_of_cell DESC, value_1) AS nth_cell
    FROM (SELECT *, sum(new_to_cell) OVER (PARTITION BY value_1) AS persons_of_cell FROM person_cohorts)
)
WHERE (cohort = {cohort_12:UInt64}) AND (has(places, {place_13:UInt64})) AND (nth_cell > {limit_14:UInt64})

-- bucket_starts_1 = [1773010800000]
-- place_2 = 1
-- last_3 = 2
-- minimum_4 = 1
-- name_5 = join
-- to_6 = 2026-03-09 23:00:00.000
-- name_7 = use
-- bucket_starts_8 = [1773010800000, 1773097200000, 1773183600000]
-- project_9 = 7
-- from_10 = 2026-03-08 23:00:00.000
-- to_11 = 2026-03-11 23:00:00.000
-- cohort_12 = 1
-- place_13 = 2
-- limit_14 = 10
