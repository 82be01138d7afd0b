WITH top_rows AS (
    SELECT label, row_number() OVER (ORDER BY metric DESC, nullIf(label, '\0')) AS rank
    FROM (
    SELECT label, toFloat64(uniqExact(person)) AS metric
    FROM (
    SELECT ifNull(properties.`plan`::Nullable(String), '\0') AS label, distinct_hash AS person
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
    AND (name = {name_4:String})
    AND (cookieless = 0)
) AS event
    GROUP BY label
    ORDER BY metric DESC, nullIf(label, '\0')
    LIMIT {limit_5:UInt64}
)
)
SELECT rank, toFloat64(uniqExact(person)) AS metric, if(rank = 0, NULL, any(nullIf(label, '\0'))) AS called
FROM (
    SELECT ifNull(properties.`plan`::Nullable(String), '\0') AS label, distinct_hash AS person
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
    AND (name = {name_4:String})
    AND (cookieless = 0)
) AS event
LEFT ANY JOIN top_rows ON event.label = top_rows.label
GROUP BY rank
ORDER BY rank = 0, rank

-- project_1 = 7
-- from_2 = 2026-03-08 05:00:00.000
-- to_3 = 2026-03-09 23:00:00.000
-- name_4 = signed_up
-- limit_5 = 5
