SELECT buckets, count() AS persons
FROM (
    SELECT person, count() AS buckets
    FROM (SELECT person, bucket FROM (
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
    SELECT transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) AS person, roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_3:Array(Int64)}) AS bucket
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_4:DateTime64(3, 'UTC')} AND occurred_at < {to_5:DateTime64(3, 'UTC')}
    AND (name = {name_6:String})
    AND (cookieless = 0)
) AS event GROUP BY person, bucket)
    GROUP BY person
) AS person
GROUP BY buckets
ORDER BY buckets

-- project_1 = 7
-- version_2 = 42
-- bucket_starts_3 = [1772924400000, 1773010800000]
-- from_4 = 2026-03-08 05:00:00.000
-- to_5 = 2026-03-09 23:00:00.000
-- name_6 = signed_up
