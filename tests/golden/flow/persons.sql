WITH transitions AS (
    SELECT toInt64(0) + place AS hop, label, following, count() AS times, uniqExactState(unit) AS passing
    FROM (
    SELECT unit, arrayCompact(labels) AS walked, walked AS from_start, from_start AS to_end, arraySlice(to_end, 1, {most_1:Int64}) AS hops
    FROM (
    SELECT
        person AS unit,
        stretch[1].1 AS started,
        arrayMap(hop -> assumeNotNull(hop.2), arrayFilter(hop -> isNotNull(hop.2), stretch)) AS labels
    FROM (
        SELECT person, arraySort((event, place) -> place, groupArray((occurred_at, label)), groupArray(place)) AS done
        FROM (
    SELECT occurred_at, bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id) AS place, if((name = {name_2:String}), toString(name), NULL) AS label, distinct_hash AS person
    FROM events
    WHERE project_id = {project_3:UInt64} AND occurred_at >= {from_4:DateTime64(3, 'UTC')} AND occurred_at < {to_5:DateTime64(3, 'UTC')}
    AND (cookieless = 0)
) AS event
        GROUP BY person
    )
    ARRAY JOIN arraySplit(
        (event, pause) -> pause > {gap_6:Int64}, done, arrayDifference(arrayMap(event -> toUnixTimestamp64Milli(event.1), done))
    ) AS stretch
    WHERE started >= {from_7:DateTime64(3, 'UTC')} AND started < {to_8:DateTime64(3, 'UTC')}
) AS path
    WHERE notEmpty(hops)
) AS walk
    ARRAY JOIN
        hops AS label,
        arrayPushBack(arrayPopFront(hops::Array(Nullable(String))), NULL) AS following,
        arrayEnumerate(hops) AS place
    GROUP BY hop, label, following
),
labels AS (
    SELECT label, sum(times) AS frequency, groupArray((hop, following, passing)) AS onward
    FROM transitions
    GROUP BY label
),
ranked AS (
    SELECT label, onward, row_number() OVER (ORDER BY frequency DESC, label) AS rank
    FROM labels
),
placed AS (
    SELECT label, onward, least(rank, {others_9:UInt64}) AS source,
        groupArrayIf(label, rank < {others_9:UInt64}) OVER (ORDER BY rank ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS kept
    FROM ranked
),
folded AS (
    SELECT link.1 AS hop, source, if(isNull(link.2), 0, if(has(kept, link.2), indexOf(kept, link.2), {others_9:UInt64})) AS target,
        any(label) AS label, uniqExactMergeState(link.3) AS passing
    FROM placed
    ARRAY JOIN onward AS link
    GROUP BY hop, source, target
)
SELECT hop, source, target, grouping(target) AS is_node, uniqExactMerge(passing) AS value, if(source = {others_9:UInt64}, '', any(label)) AS name
FROM folded
GROUP BY GROUPING SETS ((hop, source), (hop, source, target))
HAVING is_node OR target > 0
ORDER BY hop, source, target

-- most_1 = 5
-- name_2 = signed_up
-- project_3 = 7
-- from_4 = 2026-03-07 23:00:00.000
-- to_5 = 2026-03-10 23:00:00.000
-- gap_6 = 1800000
-- from_7 = 2026-03-08 23:00:00.000
-- to_8 = 2026-03-09 23:00:00.000
-- others_9 = 21
