WITH counted AS (
    SELECT label, sumState(number_1) AS state_1
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
    SELECT transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) AS label, coalesce(dynamicElement(properties.`price`, 'Float64'), toFloat64(dynamicElement(properties.`price`, 'Int64')), toFloat64(dynamicElement(properties.`price`, 'UInt64')), ifNotFinite(toFloat64OrNull(dynamicElement(properties.`price`, 'String')), NULL)) AS number_1
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')}
    AND (cookieless = 0)
) AS event
    GROUP BY label
),
placed AS (
    SELECT *, row_number() OVER (ORDER BY ifNotFinite(ifNull(finalizeAggregation(state_1), 0), 0) DESC, label) AS place
    FROM counted
)
SELECT if(place > {limit_5:UInt64}, 0, place) AS rank, ifNotFinite(ifNull(sumMerge(state_1), 0), 0) AS metric, if(rank = 0, NULL, any(label)) AS called
FROM placed
GROUP BY rank
ORDER BY rank = 0, rank

-- project_1 = 7
-- version_2 = 42
-- from_3 = 2026-03-08 05:00:00.000
-- to_4 = 2026-03-09 23:00:00.000
-- limit_5 = 10
