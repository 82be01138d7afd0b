WITH counted AS (
    SELECT {series_1:UInt64} AS series, value_1, value_2, {start_2:Int64} AS bucket, uniqExactState(person) AS state_2
    FROM (
    WITH (
        SELECT (groupArray(distinct_hash), groupArray(person))
        FROM
        (
            SELECT distinct_hash, argMax(person_hash, version) AS person
            FROM person_ties
            WHERE project_id = {project_3:UInt64} AND version <= {version_4:UInt64}
            GROUP BY distinct_hash
            HAVING person != distinct_hash
        )
    ) AS ties
    SELECT ifNull(country, '\0') AS value_1, ifNull(channel, '\0') AS value_2, transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) AS person
    FROM activity_hours
    WHERE project_id = {project_3:UInt64} AND occurred_at >= {from_5:DateTime64(3, 'UTC')} AND occurred_at < {to_6:DateTime64(3, 'UTC')}
    AND (name = {name_7:String})
    AND (cookieless = 0)
) AS event
    GROUP BY value_1, value_2
),
measured AS (
    SELECT *, toFloat64(finalizeAggregation(state_2)) AS overall, true AS is_kept
    FROM counted
),
placed AS (
    SELECT *, dense_rank() OVER (PARTITION BY series ORDER BY is_kept DESC, overall DESC, nullIf(value_1, '\0'), nullIf(value_2, '\0')) AS place
    FROM measured
)
SELECT series, if(is_kept AND place <= {limit_8:UInt64}, place, 0) AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, toFloat64(uniqExactMerge(state_2)) AS value, false AS compared, toLowCardinality(if(rank = 0, NULL, nullIf(any(placed.value_1), '\0'))) AS value_1, toLowCardinality(if(rank = 0, NULL, nullIf(any(placed.value_2), '\0'))) AS value_2
FROM placed
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- series_1 = 1
-- start_2 = 1772582400000
-- project_3 = 7
-- version_4 = 4
-- from_5 = 2026-03-04 00:00:00.000
-- to_6 = 2026-03-11 00:00:00.000
-- name_7 = page_view
-- limit_8 = 10
