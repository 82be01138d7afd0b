WITH person_cohorts AS (
    SELECT
        person,
        entry.1 AS started,
        transform(roundDown(entry.1, {bucket_starts_1:Array(Int64)}), {bucket_starts_1:Array(Int64)}, arrayEnumerate({bucket_starts_1:Array(Int64)}), 0) AS cohort,
        arrayFilter(period -> period BETWEEN 1 AND {last_2:UInt64}, arrayMap(moment -> intDiv(moment - started, {length_3:Int64}), moments)) AS in_periods,
        arrayFilter((period, nth) -> nth = {minimum_4:UInt64}, in_periods, arrayEnumerateUniq(in_periods)) AS returned_in,
        arrayPushFront(returned_in, 0) AS places
    FROM
    (
        SELECT person, [tuple(minIf(at, starts))] AS entries, groupArrayIf(event.at, event.returns) AS moments
        FROM (
    SELECT distinct_hash AS person, toUnixTimestamp64Milli(occurred_at) AS at, ifNull((name = {name_5:String}) AND (occurred_at < {to_6:DateTime64(3, 'UTC')}), false) AS starts, ifNull((name = {name_7:String}) AND (occurred_at >= {from_8:DateTime64(3, 'UTC')}), false) AS returns
    FROM events
    WHERE project_id = {project_9:UInt64} AND occurred_at >= {from_10:DateTime64(3, 'UTC')} AND occurred_at < {to_11:DateTime64(3, 'UTC')}
    AND (cookieless = 0)
    AND ((((name = {name_5:String}) AND (occurred_at < {to_6:DateTime64(3, 'UTC')})) OR ((name = {name_7:String}) AND (occurred_at >= {from_8:DateTime64(3, 'UTC')}))))
) AS event
        GROUP BY person
        HAVING max(starts) AND minIf(at, starts) >= {from_12:Int64}
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
-- length_3 = 86400000
-- minimum_4 = 1
-- name_5 = join
-- to_6 = 2026-03-09 23:00:00.000
-- name_7 = use
-- from_8 = 2026-03-08 23:00:00.000
-- project_9 = 7
-- from_10 = 1900-01-01 00:00:00.000
-- to_11 = 2026-03-12 23:00:00.000
-- from_12 = 1773010800000
