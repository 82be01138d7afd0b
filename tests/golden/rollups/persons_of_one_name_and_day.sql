SELECT event.series AS series, 1 AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, [toFloat64(sumIf(NOT tied, event.series = {series_1:UInt64}) + uniqExactIf(person_of_several, event.series = {series_1:UInt64})), toFloat64(sumIf(NOT tied, event.series = {series_2:UInt64}) + uniqExactIf(person_of_several, event.series = {series_2:UInt64}))][indexOf({all_series_3:Array(Int64)}, event.series)] AS value, false AS compared
FROM (
    WITH (
        SELECT (groupArray(distinct_hash), groupArray(person))
        FROM
        (
            SELECT distinct_hash, argMax(person_hash, version) AS person
            FROM person_ties
            WHERE project_id = {project_4:UInt64} AND version <= {version_5:UInt64}
            GROUP BY distinct_hash
            HAVING person != distinct_hash
        )
    ) AS ties
    SELECT arrayJoin(bitPositionsToArray(ifNull((name = {name_6:String}) AND (cookieless = 0), false) * {bit_7:UInt64} + ifNull((name = {name_8:String}) AND (cookieless = 0), false) * {bit_9:UInt64})) AS series, roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_10:Array(Int64)}) AS bucket, distinct_hash IN (
        SELECT arrayJoin([distinct_hash, person])
        FROM
        (
            SELECT distinct_hash, argMax(person_hash, version) AS person
            FROM person_ties
            WHERE project_id = {project_4:UInt64} AND version <= {version_5:UInt64}
            GROUP BY distinct_hash
            HAVING person != distinct_hash
        )
    ) AS tied, if(tied, transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash), NULL) AS person_of_several
    FROM active_days FINAL
    WHERE project_id = {project_4:UInt64} AND occurred_at >= {from_11:DateTime64(3, 'UTC')} AND occurred_at < {to_12:DateTime64(3, 'UTC')}
    AND (name IN {names_13:Array(String)})
) AS event
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- series_1 = 1
-- series_2 = 2
-- all_series_3 = [1, 2]
-- project_4 = 7
-- version_5 = 4
-- name_6 = page_view
-- bit_7 = 2
-- name_8 = click
-- bit_9 = 4
-- bucket_starts_10 = [1772582400000, 1772668800000, 1772755200000, 1772841600000, 1772928000000, 1773014400000, 1773100800000]
-- from_11 = 2026-03-04 00:00:00.000
-- to_12 = 2026-03-11 00:00:00.000
-- names_13 = ['click', 'page_view']
