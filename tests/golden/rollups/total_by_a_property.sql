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
    SELECT value AS value_1, events
    FROM totals_hours
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')}
    AND (key = {key_5:String})
    AND (name = {name_6:String})
),
largest_cells AS (
    SELECT {series_7:UInt64} AS series, value_1, toFloat64(sum(events)) AS value
    FROM events_of_cells AS event
    GROUP BY series, value_1
    ORDER BY value DESC, value_1
    LIMIT {limit_8:UInt64}
),
top_cells AS (
    SELECT series, value_1, row_number() OVER (ORDER BY series, value DESC, value_1) AS rank
    FROM largest_cells
)
SELECT {series_7:UInt64} AS series, rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, toFloat64(sum(events)) AS value, false AS compared, if(rank = 0, NULL, any(event.value_1)) AS value_1
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
    SELECT roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_9:Array(Int64)}) AS bucket, value AS value_1, events
    FROM totals_hours
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')}
    AND (key = {key_5:String})
    AND (name = {name_6:String})
) AS event
LEFT ANY JOIN top_cells ON event.value_1 <=> top_cells.value_1
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- project_1 = 7
-- version_2 = 4
-- from_3 = 2026-03-04 00:00:00.000
-- to_4 = 2026-03-11 00:00:00.000
-- key_5 = $country
-- name_6 = page_view
-- series_7 = 1
-- limit_8 = 10
-- bucket_starts_9 = [1772582400000, 1772668800000, 1772755200000, 1772841600000, 1772928000000, 1773014400000, 1773100800000]
