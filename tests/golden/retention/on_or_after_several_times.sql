WITH person_cohorts AS (
    SELECT
        person,
        entry.1 AS started,
        transform(roundDown(entry.1, {bucket_starts_1:Array(Int64)}), {bucket_starts_1:Array(Int64)}, arrayEnumerate({bucket_starts_1:Array(Int64)}), 0) AS cohort,
        arrayFilter(period -> period BETWEEN 1 AND {last_2:UInt64}, arrayMap(moment -> moment - cohort, moments)) AS in_periods,
        arrayFilter((period, nth) -> nth = {minimum_3:UInt64}, in_periods, arrayEnumerateUniq(in_periods)) AS returned_in,
        arrayPushFront(if(empty(returned_in), [], [arrayMax(returned_in)]), 0) AS places
    FROM
    (
        SELECT person, [tuple(minIf(at, starts))] AS entries, groupArrayIf(event.bucket, event.returns) AS moments
        FROM (
    SELECT distinct_hash AS person, toUnixTimestamp64Milli(occurred_at) AS at, ifNull((name = {name_4:String}) AND (occurred_at < {to_5:DateTime64(3, 'UTC')}), false) AS starts, ifNull((name = {name_6:String}), false) AS returns, toUInt16(transform(roundDown(at, {bucket_starts_7:Array(Int64)}), {bucket_starts_7:Array(Int64)}, arrayEnumerate({bucket_starts_7:Array(Int64)}), 0)) AS bucket
    FROM events
    WHERE project_id = {project_8:UInt64} AND occurred_at >= {from_9:DateTime64(3, 'UTC')} AND occurred_at < {to_10:DateTime64(3, 'UTC')}
    AND (cookieless = 0)
    AND ((((name = {name_4:String}) AND (occurred_at < {to_5:DateTime64(3, 'UTC')})) OR ((name = {name_6:String}))))
) AS event
        GROUP BY person
        HAVING max(starts)
    )
    ARRAY JOIN entries AS entry
)
SELECT
    1 AS rank,
    cohort,
    place,
    count() AS persons,
    fromUnixTimestamp64Milli(min(started), 'UTC') AS first_start,
    fromUnixTimestamp64Milli(max(started), 'UTC') AS last_start
FROM person_cohorts
ARRAY JOIN places AS place
GROUP BY cohort, place
ORDER BY cohort, place

-- bucket_starts_1 = [1773010800000]
-- last_2 = 2
-- minimum_3 = 3
-- name_4 = join
-- to_5 = 2026-03-09 23:00:00.000
-- name_6 = use
-- bucket_starts_7 = [1773010800000, 1773097200000, 1773183600000]
-- project_8 = 7
-- from_9 = 2026-03-08 23:00:00.000
-- to_10 = 2026-03-11 23:00:00.000
