SELECT buckets, count() AS persons
FROM (
    SELECT person, count() AS buckets
    FROM (SELECT person, bucket FROM (
    SELECT distinct_hash AS person, roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_1:Array(Int64)}) AS bucket
    FROM events
    WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')}
    AND (name = {name_5:String})
    AND (properties.`plan`.:String = {value_6:String})
    AND (cookieless = 0)
) AS event GROUP BY person, bucket)
    GROUP BY person
) AS person
GROUP BY buckets
ORDER BY buckets

-- bucket_starts_1 = [1772924400000, 1773010800000]
-- project_2 = 7
-- from_3 = 2026-03-08 05:00:00.000
-- to_4 = 2026-03-09 23:00:00.000
-- name_5 = signed_up
-- value_6 = pro
