SELECT *
FROM
(
(
SELECT event.series AS series, 1 AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, [toFloat64(uniqExactIf(person, event.series = {series_1:UInt64})), toFloat64(countIf(event.series = {series_2:UInt64}))][indexOf({all_series_3:Array(Int64)}, event.series)] AS value, false AS compared
FROM (
    SELECT arrayJoin(bitPositionsToArray(ifNull((name = {name_4:String}) AND (cookieless = 0), false) * {bit_5:UInt64} + ifNull((name = {name_6:String}), false) * {bit_7:UInt64})) AS series, roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_8:Array(Int64)}) AS bucket, distinct_hash AS person
    FROM events
    WHERE project_id = {project_9:UInt64} AND occurred_at >= {from_10:DateTime64(3, 'UTC')} AND occurred_at < {to_11:DateTime64(3, 'UTC')}
    AND (name IN {names_12:Array(String)})
) AS event
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket
)
UNION ALL
(
SELECT event.series AS series, 1 AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, [toFloat64(uniqExactIf(person, event.series = {series_1:UInt64})), toFloat64(countIf(event.series = {series_2:UInt64}))][indexOf({all_series_3:Array(Int64)}, event.series)] AS value, true AS compared
FROM (
    SELECT arrayJoin(bitPositionsToArray(ifNull((name = {name_4:String}) AND (cookieless = 0), false) * {bit_5:UInt64} + ifNull((name = {name_6:String}), false) * {bit_7:UInt64})) AS series, roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_13:Array(Int64)}) AS bucket, distinct_hash AS person
    FROM events
    WHERE project_id = {project_9:UInt64} AND occurred_at >= {from_14:DateTime64(3, 'UTC')} AND occurred_at < {to_15:DateTime64(3, 'UTC')}
    AND (name IN {names_12:Array(String)})
) AS event
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket
)
)

-- series_1 = 1
-- series_2 = 2
-- all_series_3 = [1, 2]
-- name_4 = signed_up
-- bit_5 = 2
-- name_6 = page_view
-- bit_7 = 4
-- bucket_starts_8 = [1772578800000]
-- project_9 = 7
-- from_10 = 2026-03-03 23:00:00.000
-- to_11 = 2026-03-10 23:00:00.000
-- names_12 = ['page_view', 'signed_up']
-- bucket_starts_13 = [1771974000000]
-- from_14 = 2026-02-24 23:00:00.000
-- to_15 = 2026-03-03 23:00:00.000
