WITH events_of_cells AS (
    SELECT arrayJoin(bitPositionsToArray(ifNull((name = {name_1:String}), false) * {bit_2:UInt64} + ifNull((cookieless = 0), false) * {bit_3:UInt64})) AS series, ifNull(properties.`plan`::Nullable(String), '\0') AS value_1, ifNull(properties.`address.city`::Nullable(String), '\0') AS value_2, distinct_hash AS person
    FROM events
    WHERE project_id = {project_4:UInt64} AND occurred_at >= {from_5:DateTime64(3, 'UTC')} AND occurred_at < {to_6:DateTime64(3, 'UTC')}
),
largest_cells AS (
    SELECT event.series AS series, value_1, value_2, [toFloat64(countIf(event.series = {series_7:UInt64})), toFloat64(uniqExactIf(person, event.series = {series_8:UInt64}))][indexOf({all_series_9:Array(Int64)}, event.series)] AS value
    FROM events_of_cells AS event
    GROUP BY series, value_1, value_2
    ORDER BY value DESC, nullIf(value_1, '\0'), nullIf(value_2, '\0')
    LIMIT {limit_10:UInt64} BY series
),
top_cells AS (
    SELECT series, value_1, value_2, row_number() OVER (ORDER BY series, value DESC, nullIf(value_1, '\0'), nullIf(value_2, '\0')) AS rank
    FROM largest_cells
)
SELECT event.series AS series, rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, [toFloat64(countIf(event.series = {series_7:UInt64})), toFloat64(uniqExactIf(person, event.series = {series_8:UInt64}))][indexOf({all_series_9:Array(Int64)}, event.series)] AS value, false AS compared, toLowCardinality(if(rank = 0, NULL, nullIf(any(event.value_1), '\0'))) AS value_1, toLowCardinality(if(rank = 0, NULL, nullIf(any(event.value_2), '\0'))) AS value_2
FROM (
    SELECT arrayJoin(bitPositionsToArray(ifNull((name = {name_1:String}), false) * {bit_2:UInt64} + ifNull((cookieless = 0), false) * {bit_3:UInt64})) AS series, roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_11:Array(Int64)}) AS bucket, ifNull(properties.`plan`::Nullable(String), '\0') AS value_1, ifNull(properties.`address.city`::Nullable(String), '\0') AS value_2, distinct_hash AS person
    FROM events
    WHERE project_id = {project_4:UInt64} AND occurred_at >= {from_5:DateTime64(3, 'UTC')} AND occurred_at < {to_6:DateTime64(3, 'UTC')}
) AS event
LEFT ANY JOIN top_cells ON event.series = top_cells.series AND event.value_1 = top_cells.value_1 AND event.value_2 = top_cells.value_2
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- name_1 = signed_up
-- bit_2 = 2
-- bit_3 = 4
-- project_4 = 7
-- from_5 = 2026-03-08 23:00:00.000
-- to_6 = 2026-03-09 23:00:00.000
-- series_7 = 1
-- series_8 = 2
-- all_series_9 = [1, 2]
-- limit_10 = 10
-- bucket_starts_11 = [1773010800000]
