WITH counted AS (
    SELECT event.series AS series, value_1, value_2, bucket, countStateIf(event.series = {series_1:UInt64}) AS state_2, uniqExactStateIf(person, event.series = {series_2:UInt64}) AS state_4
    FROM (
    SELECT arrayJoin(bitPositionsToArray(ifNull((name = {name_3:String}), false) * {bit_4:UInt64} + ifNull((cookieless = 0), false) * {bit_5:UInt64})) AS series, roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_6:Array(Int64)}) AS bucket, ifNull(properties.`plan`::Nullable(String), '\0') AS value_1, ifNull(properties.`address.city`::Nullable(String), '\0') AS value_2, distinct_hash AS person
    FROM events
    WHERE project_id = {project_7:UInt64} AND occurred_at >= {from_8:DateTime64(3, 'UTC')} AND occurred_at < {to_9:DateTime64(3, 'UTC')}
) AS event
    GROUP BY series, value_1, value_2, bucket
),
measured AS (
    SELECT *, [toFloat64(countMerge(state_2) OVER cell), toFloat64(uniqExactMerge(state_4) OVER cell)][indexOf({all_series_10:Array(Int64)}, series)] AS overall, max(true) OVER cell AS is_kept
    FROM counted
    WINDOW cell AS (PARTITION BY series, value_1, value_2)
),
placed AS (
    SELECT *, dense_rank() OVER (PARTITION BY series ORDER BY is_kept DESC, overall DESC, nullIf(value_1, '\0'), nullIf(value_2, '\0')) AS place
    FROM measured
)
SELECT series, if(is_kept AND place <= {limit_11:UInt64}, place, 0) AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, [toFloat64(countMerge(state_2)), toFloat64(uniqExactMerge(state_4))][indexOf({all_series_10:Array(Int64)}, series)] AS value, false AS compared, if(rank = 0, NULL, nullIf(any(placed.value_1), '\0')) AS value_1, if(rank = 0, NULL, nullIf(any(placed.value_2), '\0')) AS value_2
FROM placed
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- series_1 = 1
-- series_2 = 2
-- name_3 = signed_up
-- bit_4 = 2
-- bit_5 = 4
-- bucket_starts_6 = [1773010800000]
-- project_7 = 7
-- from_8 = 2026-03-08 23:00:00.000
-- to_9 = 2026-03-09 23:00:00.000
-- all_series_10 = [1, 2]
-- limit_11 = 10
