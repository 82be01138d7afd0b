WITH person_cohorts AS (
    SELECT
        person,
        entry.1 AS started,
        transform(roundDown(entry.1, {bucket_starts_1:Array(Int64)}), {bucket_starts_1:Array(Int64)}, arrayEnumerate({bucket_starts_1:Array(Int64)}), 0) AS cohort,
        arrayFilter(period -> period BETWEEN 1 AND {last_2:UInt64}, arrayMap(moment -> moment - cohort, moments)) AS in_periods,
        arrayFilter((period, nth) -> nth = {minimum_3:UInt64}, in_periods, arrayEnumerateUniq(in_periods)) AS returned_in,
        arrayPushFront(returned_in, 0) AS places
    FROM
    (
        SELECT person, [tuple(minIf(at, starts))] AS entries, groupArrayIf(event.bucket, event.returns) AS moments
        FROM (
    SELECT distinct_hash AS person, toUnixTimestamp64Milli(occurred_at) AS at, ifNull(occurred_at < {to_4:DateTime64(3, 'UTC')}, false) AS starts, ifNull(true, false) AS returns, toUInt16(transform(roundDown(at, {bucket_starts_5:Array(Int64)}), {bucket_starts_5:Array(Int64)}, arrayEnumerate({bucket_starts_5:Array(Int64)}), 0)) AS bucket
    FROM events
    WHERE project_id = {project_6:UInt64} AND occurred_at >= {from_7:DateTime64(3, 'UTC')} AND occurred_at < {to_8:DateTime64(3, 'UTC')}
    AND (cookieless = 0)
    AND ((name = {name_9:String}) AND (properties.`plan`.:String = {value_10:String}))
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
-- minimum_3 = 1
-- to_4 = 2026-03-09 23:00:00.000
-- bucket_starts_5 = [1773010800000, 1773097200000, 1773183600000]
-- project_6 = 7
-- from_7 = 2026-03-08 23:00:00.000
-- to_8 = 2026-03-11 23:00:00.000
-- name_9 = use
-- value_10 = pro
