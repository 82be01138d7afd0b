WITH events_of_cells AS (
    WITH (
        SELECT (groupArray(distinct_hash), groupArray(person))
        FROM
        (
            SELECT distinct_hash, argMax(person_hash, version) AS person
            FROM person_ties
            WHERE project_id = {project_1:UInt64} AND version <= {version_2:UInt64}
            GROUP BY distinct_hash
            HAVING person != distinct_hash
        )
    ) AS ties
    SELECT country AS value_1, channel AS value_2, transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) AS person
    FROM activity_hours
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')}
    AND (name = {name_5:String})
    AND (cookieless = 0)
),
largest_cells AS (
    SELECT {series_6:UInt64} AS series, value_1, value_2, toFloat64(uniqExact(person)) AS value
    FROM events_of_cells AS event
    GROUP BY series, value_1, value_2
    ORDER BY value DESC, value_1, value_2
    LIMIT {limit_7:UInt64}
),
top_cells AS (
    SELECT series, value_1, value_2, row_number() OVER (ORDER BY series, value DESC, value_1, value_2) AS rank
    FROM largest_cells
)
SELECT {series_6:UInt64} AS series, rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, toFloat64(uniqExact(person)) AS value, false AS compared, if(rank = 0, NULL, any(event.value_1)) AS value_1, if(rank = 0, NULL, any(event.value_2)) AS value_2
FROM (
    WITH (
        SELECT (groupArray(distinct_hash), groupArray(person))
        FROM
        (
            SELECT distinct_hash, argMax(person_hash, version) AS person
            FROM person_ties
            WHERE project_id = {project_1:UInt64} AND version <= {version_2:UInt64}
            GROUP BY distinct_hash
            HAVING person != distinct_hash
        )
    ) AS ties
    SELECT roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_8:Array(Int64)}) AS bucket, country AS value_1, channel AS value_2, transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) AS person
    FROM activity_hours
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')}
    AND (name = {name_5:String})
    AND (cookieless = 0)
) AS event
LEFT ANY JOIN top_cells ON event.value_1 <=> top_cells.value_1 AND event.value_2 <=> top_cells.value_2
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- project_1 = 7
-- version_2 = 4
-- from_3 = 2026-03-04 00:00:00.000
-- to_4 = 2026-03-11 00:00:00.000
-- name_5 = page_view
-- series_6 = 1
-- limit_7 = 10
-- bucket_starts_8 = [1772582400000]
