WITH top_rows AS (
    SELECT label, row_number() OVER (ORDER BY metric DESC, label) AS rank
    FROM (
    SELECT label, toFloat64(count()) AS metric
    FROM (
    SELECT name AS label
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
) AS event
    GROUP BY label
    ORDER BY metric DESC, label
    LIMIT {limit_4:UInt64}
)
)
SELECT rank, toFloat64(count()) AS metric, if(rank = 0, NULL, any(event.label)) AS label
FROM (
    SELECT name AS label
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
) AS event
LEFT ANY JOIN top_rows ON event.label <=> top_rows.label
GROUP BY rank
ORDER BY rank = 0, rank

-- project_1 = 7
-- from_2 = 2026-03-08 05:00:00.000
-- to_3 = 2026-03-09 23:00:00.000
-- limit_4 = 10
