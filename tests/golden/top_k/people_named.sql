SELECT person, max(called) AS distinct_id, max(traits_json) AS traits
FROM
(
    SELECT person, called, '' AS traits_json
    FROM (
    SELECT distinct_hash AS person, distinct_id AS called
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
    AND (distinct_hash IN {persons_4:Array(UInt64)})
) AS event
    LIMIT 1 BY person
    LIMIT {count_5:UInt64}
    UNION ALL
    SELECT person_hash, any(root), ''
    FROM person_ties
    WHERE project_id = {project_1:UInt64} AND version <= {version_6:UInt64} AND person_hash IN {persons_4:Array(UInt64)}
    GROUP BY person_hash
    UNION ALL
    SELECT person_hash, any(root), argMax(toJSONString(traits), version)
    FROM person_traits
    WHERE project_id = {project_1:UInt64} AND version <= {version_6:UInt64} AND person_hash IN {persons_4:Array(UInt64)}
    GROUP BY person_hash
)
GROUP BY person
ORDER BY person

-- project_1 = 7
-- from_2 = 1900-01-01 00:00:00.000
-- to_3 = 2299-12-31 00:00:00.000
-- persons_4 = [3, 18446744073709551615]
-- count_5 = 2
-- version_6 = 42
