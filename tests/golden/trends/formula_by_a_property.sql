WITH events_of_cells AS (
    SELECT ifNull(properties.`plan`::Nullable(String), '\0') AS value_1
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
    AND (name = {name_4:String})
),
largest_cells AS (
    SELECT {series_5:UInt64} AS series, value_1, toFloat64(count()) AS value
    FROM events_of_cells AS event
    GROUP BY series, value_1
    ORDER BY value DESC, nullIf(value_1, '\0')
    LIMIT {limit_6:UInt64}
),
top_cells AS (
    SELECT series, value_1, row_number() OVER (ORDER BY series, value DESC, nullIf(value_1, '\0')) AS rank
    FROM largest_cells
)
SELECT event.series AS series, rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, [toFloat64(countIf(event.series = {series_5:UInt64})), toFloat64(uniqExactIf(person, event.series = {series_7:UInt64}))][indexOf({all_series_8:Array(Int64)}, event.series)] AS value, false AS compared, toLowCardinality(if(rank = 0, NULL, nullIf(any(event.value_1), '\0'))) AS value_1
FROM (
    SELECT arrayJoin(bitPositionsToArray(ifNull((name = {name_4:String}), false) * {bit_9:UInt64} + ifNull((name = {name_10:String}) AND (cookieless = 0), false) * {bit_11:UInt64})) AS series, roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_12:Array(Int64)}) AS bucket, ifNull(properties.`plan`::Nullable(String), '\0') AS value_1, distinct_hash AS person
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
    AND (name IN {names_13:Array(String)})
) AS event
LEFT ANY JOIN top_cells ON event.value_1 = top_cells.value_1
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- project_1 = 7
-- from_2 = 2026-03-08 23:00:00.000
-- to_3 = 2026-03-09 23:00:00.000
-- name_4 = purchase
-- series_5 = 1
-- limit_6 = 10
-- series_7 = 2
-- all_series_8 = [1, 2]
-- bit_9 = 2
-- name_10 = signed_up
-- bit_11 = 4
-- bucket_starts_12 = [1773010800000]
-- names_13 = ['purchase', 'signed_up']
