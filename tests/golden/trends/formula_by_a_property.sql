WITH counted AS (
    SELECT event.series AS series, value_1, bucket, countStateIf(event.series = {series_1:UInt64}) AS state_2, uniqExactStateIf(person, event.series = {series_2:UInt64}) AS state_4
    FROM (
    SELECT arrayJoin(bitPositionsToArray(ifNull((name = {name_3:String}), false) * {bit_4:UInt64} + ifNull((name = {name_5:String}) AND (cookieless = 0), false) * {bit_6:UInt64})) AS series, roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_7:Array(Int64)}) AS bucket, ifNull(properties.`plan`::Nullable(String), '\0') AS value_1, distinct_hash AS person
    FROM events
    WHERE project_id = {project_8:UInt64} AND occurred_at >= {from_9:DateTime64(3, 'UTC')} AND occurred_at < {to_10:DateTime64(3, 'UTC')}
    AND (name IN {names_11:Array(String)})
) AS event
    GROUP BY series, value_1, bucket
),
measured AS (
    SELECT *, toFloat64(countMerge(state_2) OVER cell) AS overall, max((series = {number_12:UInt64})) OVER cell AS is_kept
    FROM counted
    WINDOW cell AS (PARTITION BY value_1)
),
placed AS (
    SELECT *, dense_rank() OVER (ORDER BY is_kept DESC, overall DESC, nullIf(value_1, '\0')) AS place
    FROM measured
)
SELECT series, if(is_kept AND place <= {limit_13:UInt64}, place, 0) AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, [toFloat64(countMerge(state_2)), toFloat64(uniqExactMerge(state_4))][indexOf({all_series_14:Array(Int64)}, series)] AS value, false AS compared, if(rank = 0, NULL, nullIf(any(placed.value_1), '\0')) AS value_1
FROM placed
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- series_1 = 1
-- series_2 = 2
-- name_3 = purchase
-- bit_4 = 2
-- name_5 = signed_up
-- bit_6 = 4
-- bucket_starts_7 = [1773010800000]
-- project_8 = 7
-- from_9 = 2026-03-08 23:00:00.000
-- to_10 = 2026-03-09 23:00:00.000
-- names_11 = ['purchase', 'signed_up']
-- number_12 = 1
-- limit_13 = 10
-- all_series_14 = [1, 2]
