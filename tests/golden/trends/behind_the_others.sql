WITH events_of_cells AS (
    SELECT ifNull(properties.`plan`::Nullable(String), '\0') AS value_1
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
    AND (name = {name_4:String})
),
largest_cells AS (
    SELECT {series_5:UInt64} AS series, value_1, toFloat64(count()) AS value
    FROM events_of_cells AS event
    GROUP BY series, value_1
    ORDER BY value DESC, nullIf(value_1, '\0')
    LIMIT {limit_6:UInt64}
),
top_cells AS (
    SELECT series, value_1, row_number() OVER (ORDER BY series, value DESC, nullIf(value_1, '\0')) AS rank
    FROM largest_cells
)
SELECT DISTINCT event.person AS person
FROM (
    SELECT distinct_hash AS person, ifNull(properties.`plan`::Nullable(String), '\0') AS value_1
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
    AND (name = {name_4:String})
    AND (cookieless = 0)
) AS event
LEFT ANY JOIN top_cells ON event.value_1 = top_cells.value_1
WHERE rank = 0

-- project_1 = 7
-- from_2 = 2026-03-08 23:00:00.000
-- to_3 = 2026-03-09 23:00:00.000
-- name_4 = signed_up
-- series_5 = 1
-- limit_6 = 5
