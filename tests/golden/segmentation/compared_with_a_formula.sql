SELECT event.series AS series, 1 AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, [toFloat64(uniqExactIf(person, event.series = {series_1:UInt64})), toFloat64(countIf(event.series = {series_2:UInt64}))][indexOf({all_series_3:Array(Int64)}, event.series)] AS value, (bucket < {start_4:Int64})::Bool AS compared
FROM (
    SELECT arrayJoin(bitPositionsToArray(ifNull((name = {name_5:String}) AND (cookieless = 0), false) * {bit_6:UInt64} + ifNull((name = {name_7:String}), false) * {bit_8:UInt64})) AS series, roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_9:Array(Int64)}) AS bucket, distinct_hash AS person
    FROM events
    WHERE project_id = {project_10:UInt64} AND occurred_at >= {from_11:DateTime64(3, 'UTC')} AND occurred_at < {to_12:DateTime64(3, 'UTC')}
    AND (name IN {names_13:Array(String)})
) AS event
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- series_1 = 1
-- series_2 = 2
-- all_series_3 = [1, 2]
-- start_4 = 1772578800000
-- name_5 = signed_up
-- bit_6 = 2
-- name_7 = page_view
-- bit_8 = 4
-- bucket_starts_9 = [1771974000000, 1772578800000]
-- project_10 = 7
-- from_11 = 2026-02-24 23:00:00.000
-- to_12 = 2026-03-10 23:00:00.000
-- names_13 = ['page_view', 'signed_up']
