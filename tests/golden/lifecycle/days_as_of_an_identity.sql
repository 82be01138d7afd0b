SELECT tupleElement(change, 1) AS slot, tupleElement(change, 2) AS state, count() AS persons
FROM
(
    SELECT arrayJoin(arrayConcat(
        arrayFilter(change -> tupleElement(change, 1) > 0, arrayMap(
            (slot, slot_before) -> (slot, multiIf(slot = slots[1], 1, slot_before = slot - 1, 2, 3)),
            slots, arrayPushFront(arrayPopBack(slots), -9)
        )),
        arrayMap(slot -> (slot + 1, 4), arrayFilter(
            (slot, slot_after) -> slot >= 0 AND slot < {last_1:Int64} AND slot_after != slot + 1,
            slots, arrayPushBack(arrayPopFront(slots), -9)
        ))
    )) AS change
    FROM (
    SELECT person, arraySort(groupUniqArray(slot)) AS slots
    FROM (
    WITH (
        SELECT (groupArray(distinct_hash), groupArray(person))
        FROM
        (
            SELECT distinct_hash, argMax(person_hash, version) AS person
            FROM person_ties
            WHERE project_id = {project_2:UInt64} AND version <= {version_3:UInt64}
            GROUP BY distinct_hash
            HAVING person != distinct_hash
        )
    ) AS ties
    SELECT transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) AS person, transform(roundDown(toUnixTimestamp64Milli(occurred_at), {starts_4:Array(Int64)}), {starts_4:Array(Int64)}, {slots_5:Array(Int64)}) AS slot
    FROM events
    WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_6:DateTime64(3, 'UTC')} AND occurred_at < {to_7:DateTime64(3, 'UTC')}
    AND (name = {name_8:String})
    AND (cookieless = 0)
) AS event
    GROUP BY person
    HAVING max(slot) >= 0
) AS person
)
GROUP BY slot, state
ORDER BY slot, state

-- last_1 = 2
-- project_2 = 7
-- version_3 = 42
-- starts_4 = [1772837999999, 1772838000000, 1772924400000, 1772946000000, 1773010800000]
-- slots_5 = [-2, 0, -1, 1, 2]
-- from_6 = 1900-01-01 00:00:00.000
-- to_7 = 2026-03-09 23:00:00.000
-- name_8 = signed_up
