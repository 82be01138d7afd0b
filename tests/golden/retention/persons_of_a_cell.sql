WITH person_cohorts AS (
    SELECT
        person,
        entry.1 AS started,
        transform(roundDown(entry.1, {bucket_starts_1:Array(Int64)}), {bucket_starts_1:Array(Int64)}, arrayEnumerate({bucket_starts_1:Array(Int64)}), 0) AS cohort,
        nullIf(tupleElement(entry.2, {place_2:UInt64}), '\0') AS value_1, nullIf(tupleElement(entry.2, {place_3:UInt64}), '\0') AS value_2, nth_in_cell = 1 AS new_to_cell,
        arrayFilter(period -> period BETWEEN 1 AND {last_4:UInt64}, arrayMap(moment -> moment - cohort, moments)) AS in_periods,
        arrayFilter((period, nth) -> nth = {minimum_5:UInt64}, in_periods, arrayEnumerateUniq(in_periods)) AS returned_in,
        arrayPushFront(if(empty(returned_in), [], [arrayMax(returned_in)]), 0) AS places
    FROM
    (
        SELECT person, [(minIf(at, starts), tuple(argMinIf(event.value_1, event.start_order, event.starts), argMinIf(event.value_2, event.start_order, event.starts)))] AS entries, groupArrayIf(event.bucket, event.returns) AS moments
        FROM (
    SELECT distinct_hash AS person, toUnixTimestamp64Milli(occurred_at) AS at, ifNull((name = {name_6:String}) AND (occurred_at < {to_7:DateTime64(3, 'UTC')}), false) AS starts, ifNull((name = {name_8:String}), false) AS returns, toUInt16(transform(roundDown(at, {bucket_starts_9:Array(Int64)}), {bucket_starts_9:Array(Int64)}, arrayEnumerate({bucket_starts_9:Array(Int64)}), 0)) AS bucket, bitShiftLeft(toInt256(at), 128) + toUInt128(event_id) AS start_order, ifNull(properties.`plan`::Nullable(String), '\0') AS value_1, ifNull(NULL::Nullable(String), '\0') AS value_2
    FROM events
    WHERE project_id = {project_10:UInt64} AND occurred_at >= {from_11:DateTime64(3, 'UTC')} AND occurred_at < {to_12:DateTime64(3, 'UTC')}
    AND (cookieless = 0)
    AND ((((name = {name_6:String}) AND (occurred_at < {to_7:DateTime64(3, 'UTC')})) OR ((name = {name_8:String}))))
) AS event
        GROUP BY person
        HAVING max(starts)
    )
    ARRAY JOIN entries AS entry,
        arrayEnumerateUniq(arrayMap(entry -> entry.2, entries)) AS nth_in_cell
)
SELECT person
FROM person_cohorts
WHERE (cohort = {cohort_13:UInt64}) AND (arrayMax(places) >= {place_3:UInt64}) AND (value_1 = {value_14:String}) AND (value_2 IS NULL)

-- bucket_starts_1 = [1773010800000]
-- place_2 = 1
-- place_3 = 2
-- last_4 = 2
-- minimum_5 = 1
-- name_6 = join
-- to_7 = 2026-03-09 23:00:00.000
-- name_8 = use
-- bucket_starts_9 = [1773010800000, 1773097200000, 1773183600000]
-- project_10 = 7
-- from_11 = 2026-03-08 23:00:00.000
-- to_12 = 2026-03-11 23:00:00.000
-- cohort_13 = 1
-- value_14 = pro
