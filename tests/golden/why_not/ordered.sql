SELECT mine, person, ms, toString(event_id) AS id, name, distinct_id, session, common, steps, exclusions
FROM (
    SELECT distinct_hash = sipHash64({id_1:String}) AS mine, distinct_hash AS person, toUnixTimestamp64Milli(occurred_at) AS ms, event_id, name, distinct_id, 0 AS session, CAST([properties.`cart`::Nullable(String)], 'Array(Nullable(String))') AS common, ifNull((name = {name_2:String}), false) * {bit_3:UInt64} + ifNull((name = {name_4:String}), false) * {bit_5:UInt64} AS steps, ifNull((name = {name_6:String}), false) * {bit_3:UInt64} AS exclusions, bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id) AS place
    FROM events
    WHERE project_id = {project_7:UInt64} AND occurred_at >= {from_8:DateTime64(3, 'UTC')} AND occurred_at < {to_9:DateTime64(3, 'UTC')}
    AND (name IN {names_10:Array(String)})
    AND (cookieless = 0)
    AND (distinct_hash = sipHash64({id_1:String}))
) AS event
WHERE steps > 0 OR exclusions > 0
ORDER BY place
LIMIT {rows_11:UInt64}

-- id_1 = ann
-- name_2 = viewed
-- bit_3 = 1
-- name_4 = bought
-- bit_5 = 2
-- name_6 = left
-- project_7 = 7
-- from_8 = 2026-03-01 00:00:00.000
-- to_9 = 2026-04-17 00:00:00.000
-- names_10 = ['bought', 'left', 'viewed']
-- rows_11 = 101
