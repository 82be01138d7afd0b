WITH events_of_cells AS (
    WITH (
        SELECT (groupArray(distinct_hash), groupArray(person))
        FROM
        (
            SELECT distinct_hash, argMax(person_hash, version) AS person
            FROM person_ties
            WHERE project_id = {project_1:UInt64} AND version <= {version_2:UInt64}
            GROUP BY distinct_hash
            HAVING person != distinct_hash
        )
    ) AS ties
    SELECT ifNull(nullIf(transform(transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash), tupleElement((
        SELECT (groupArray(person_hash), groupArray(value))
        FROM
        (
            SELECT person_hash, argMax(ifNull(traits.`country`::Nullable(String), '\0'), version) AS value
            FROM person_traits
            WHERE project_id = {project_1:UInt64} AND version <= {version_2:UInt64}
            GROUP BY person_hash
        )
    ), 1), tupleElement((
        SELECT (groupArray(person_hash), groupArray(value))
        FROM
        (
            SELECT person_hash, argMax(ifNull(traits.`country`::Nullable(String), '\0'), version) AS value
            FROM person_traits
            WHERE project_id = {project_1:UInt64} AND version <= {version_2:UInt64}
            GROUP BY person_hash
        )
    ), 2), '\0'), '\0'), '\0') AS value_1, transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) AS person
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')}
    AND (name = {name_5:String})
    AND (transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) IN (
        SELECT person_hash
        FROM person_traits
        WHERE project_id = {project_1:UInt64} AND version <= {version_2:UInt64}
        GROUP BY person_hash
        HAVING argMax(ifNull(traits.`plan`.:String = {value_6:String}, false), version)
    ))
    AND (cookieless = 0)
),
largest_cells AS (
    SELECT {series_7:UInt64} AS series, value_1, toFloat64(uniqExact(person)) AS value
    FROM events_of_cells AS event
    GROUP BY series, value_1
    ORDER BY value DESC, nullIf(value_1, '\0')
    LIMIT {limit_8:UInt64}
),
top_cells AS (
    SELECT series, value_1, row_number() OVER (ORDER BY series, value DESC, nullIf(value_1, '\0')) AS rank
    FROM largest_cells
)
SELECT {series_7:UInt64} AS series, rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, toFloat64(uniqExact(person)) AS value, false AS compared, toLowCardinality(if(rank = 0, NULL, nullIf(any(event.value_1), '\0'))) AS value_1
FROM (
    WITH (
        SELECT (groupArray(distinct_hash), groupArray(person))
        FROM
        (
            SELECT distinct_hash, argMax(person_hash, version) AS person
            FROM person_ties
            WHERE project_id = {project_1:UInt64} AND version <= {version_2:UInt64}
            GROUP BY distinct_hash
            HAVING person != distinct_hash
        )
    ) AS ties
    SELECT roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_9:Array(Int64)}) AS bucket, ifNull(nullIf(transform(transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash), tupleElement((
        SELECT (groupArray(person_hash), groupArray(value))
        FROM
        (
            SELECT person_hash, argMax(ifNull(traits.`country`::Nullable(String), '\0'), version) AS value
            FROM person_traits
            WHERE project_id = {project_1:UInt64} AND version <= {version_2:UInt64}
            GROUP BY person_hash
        )
    ), 1), tupleElement((
        SELECT (groupArray(person_hash), groupArray(value))
        FROM
        (
            SELECT person_hash, argMax(ifNull(traits.`country`::Nullable(String), '\0'), version) AS value
            FROM person_traits
            WHERE project_id = {project_1:UInt64} AND version <= {version_2:UInt64}
            GROUP BY person_hash
        )
    ), 2), '\0'), '\0'), '\0') AS value_1, transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) AS person
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')}
    AND (name = {name_5:String})
    AND (transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) IN (
        SELECT person_hash
        FROM person_traits
        WHERE project_id = {project_1:UInt64} AND version <= {version_2:UInt64}
        GROUP BY person_hash
        HAVING argMax(ifNull(traits.`plan`.:String = {value_6:String}, false), version)
    ))
    AND (cookieless = 0)
) AS event
LEFT ANY JOIN top_cells ON event.value_1 = top_cells.value_1
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- project_1 = 7
-- version_2 = 42
-- from_3 = 2026-03-08 23:00:00.000
-- to_4 = 2026-03-09 23:00:00.000
-- name_5 = signed_up
-- value_6 = pro
-- series_7 = 1
-- limit_8 = 10
-- bucket_starts_9 = [1773010800000]
