SELECT DISTINCT person
FROM (
    SELECT distinct_hash AS person, ifNull(properties.`plan`::Nullable(String), '\0') AS label
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
    AND (cookieless = 0)
) AS event
LEFT ANTI JOIN (
    SELECT label, toFloat64(count()) AS metric
    FROM (
    SELECT ifNull(properties.`plan`::Nullable(String), '\0') AS label
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
) AS event
    GROUP BY label
    ORDER BY metric DESC, nullIf(label, '\0')
    LIMIT {limit_4:UInt64}
) AS top_row ON event.label = top_row.label

-- project_1 = 7
-- from_2 = 2026-03-08 05:00:00.000
-- to_3 = 2026-03-09 23:00:00.000
-- limit_4 = 10
