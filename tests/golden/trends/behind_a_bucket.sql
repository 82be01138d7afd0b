SELECT DISTINCT event.person AS person
FROM (
    SELECT distinct_hash AS person
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
    AND (name = {name_4:String})
    AND (properties.`plan`.:String = {value_5:String})
    AND (cookieless = 0)
) AS event

-- project_1 = 7
-- from_2 = 2026-03-08 23:00:00.000
-- to_3 = 2026-03-09 23:00:00.000
-- name_4 = signed_up
-- value_5 = pro
