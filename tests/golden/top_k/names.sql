WITH counted AS (
    SELECT label, countState() AS state_1
    FROM (
    SELECT name AS label
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
) AS event
    GROUP BY label
),
placed AS (
    SELECT *, row_number() OVER (ORDER BY toFloat64(finalizeAggregation(state_1)) DESC, label) AS place
    FROM counted
)
SELECT if(place > {limit_4:UInt64}, 0, place) AS rank, toFloat64(countMerge(state_1)) AS metric, if(rank = 0, NULL, any(label)) AS called
FROM placed
GROUP BY rank
ORDER BY rank = 0, rank

-- project_1 = 7
-- from_2 = 2026-03-08 05:00:00.000
-- to_3 = 2026-03-09 23:00:00.000
-- limit_4 = 10
