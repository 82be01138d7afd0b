SELECT mine, person, ms, toString(event_id) AS id, name, distinct_id, session, common, steps, exclusions
FROM (
    SELECT distinct_hash = sipHash64({id_1:String}) AS mine, distinct_hash AS person, toUnixTimestamp64Milli(occurred_at) AS ms, event_id, name, distinct_id, 0 AS session, CAST([], 'Array(Nullable(String))') AS common, ifNull((name = {name_2:String}), false) * {bit_3:UInt64} + ifNull((name = {name_4:String}), false) * {bit_5:UInt64} AS steps, 0 AS exclusions, bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id) AS place
    FROM events
    WHERE project_id = {project_6:UInt64} AND occurred_at >= {from_7:DateTime64(3, 'UTC')} AND occurred_at < {to_8:DateTime64(3, 'UTC')}
    AND (cookieless = 0)
    AND (distinct_hash = sipHash64({id_1:String}))
) AS event
WHERE steps > 0 OR exclusions > 0 OR ms < {over_9:Int64}
ORDER BY place
LIMIT {rows_10:UInt64}

-- id_1 = ann
-- name_2 = viewed
-- bit_3 = 1
-- name_4 = bought
-- bit_5 = 2
-- project_6 = 7
-- from_7 = 2026-03-01 00:00:00.000
-- to_8 = 2026-04-17 00:00:00.000
-- over_9 = 1773792000000
-- rows_10 = 101
