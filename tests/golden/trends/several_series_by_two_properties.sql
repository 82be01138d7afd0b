WITH top_cells AS (
    SELECT series, value_1, value_2, row_number() OVER (ORDER BY value DESC, value_1, value_2) AS rank
    FROM (
        SELECT event.series AS series, value_1, value_2, [toFloat64(countIf(event.series = {series_1:UInt64})), toFloat64(uniqExactIf(person, event.series = {series_2:UInt64}))][event.series] AS value
        FROM (
    SELECT arrayJoin(bitPositionsToArray(ifNull((name = {name_3:String}), false) * {bit_4:UInt64} + ifNull(true, false) * {bit_5:UInt64})) AS series, properties.`plan`::Nullable(String) AS value_1, properties.`address.city`::Nullable(String) AS value_2, distinct_hash AS person
    FROM events
    WHERE project_id = {project_6:UInt64} AND occurred_at >= {from_7:DateTime64(3, 'UTC')} AND occurred_at < {to_8:DateTime64(3, 'UTC')}
) AS event
        GROUP BY series, value_1, value_2
        ORDER BY value DESC, value_1, value_2
        LIMIT {limit_9:UInt64} BY series
    )
)
SELECT event.series AS series, rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, [toFloat64(countIf(event.series = {series_1:UInt64})), toFloat64(uniqExactIf(person, event.series = {series_2:UInt64}))][event.series] AS value, any(event.value_1), any(event.value_2)
FROM (
    SELECT arrayJoin(bitPositionsToArray(ifNull((name = {name_3:String}), false) * {bit_4:UInt64} + ifNull(true, false) * {bit_5:UInt64})) AS series, roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_10:Array(Int64)}) AS bucket, properties.`plan`::Nullable(String) AS value_1, properties.`address.city`::Nullable(String) AS value_2, distinct_hash AS person
    FROM events
    WHERE project_id = {project_6:UInt64} AND occurred_at >= {from_7:DateTime64(3, 'UTC')} AND occurred_at < {to_8:DateTime64(3, 'UTC')}
) AS event
LEFT ANY JOIN top_cells ON event.series = top_cells.series AND event.value_1 <=> top_cells.value_1 AND event.value_2 <=> top_cells.value_2
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- series_1 = 1
-- series_2 = 2
-- name_3 = signed_up
-- bit_4 = 2
-- bit_5 = 4
-- project_6 = 7
-- from_7 = 2026-03-08 23:00:00.000
-- to_8 = 2026-03-09 23:00:00.000
-- limit_9 = 10
-- bucket_starts_10 = [1773010800000]
