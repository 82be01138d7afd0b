SELECT
    slot,
    countIf(slot = first) AS new,
    countIf(slot_before = slot - 1) AS returning,
    countIf(slot != first AND slot_before != slot - 1) AS resurrecting,
    countIf(slot_after != slot + 1) AS dormant_next
FROM
(
    SELECT slots[1] AS first, slot, slot_before, slot_after
    FROM (
    SELECT person, arraySort(groupArray(slot)) AS slots
    FROM (SELECT person, slot FROM (
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
    SELECT transform(distinct_hash, tupleElement(ties, 1), tupleElement(ties, 2), distinct_hash) AS person, transform(roundDown(toUnixTimestamp64Milli(occurred_at), {starts_3:Array(Int64)}), {starts_3:Array(Int64)}, {slots_4:Array(Int64)}) AS slot
    FROM active_days
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_5:DateTime64(3, 'UTC')} AND occurred_at < {to_6:DateTime64(3, 'UTC')}
    AND (name = {name_7:String})
    AND (cookieless = 0)
) AS event GROUP BY person, slot)
    GROUP BY person
    HAVING max(slot) >= 0
) AS person
    ARRAY JOIN
        slots AS slot,
        arrayPushFront(arrayPopBack(slots), -9) AS slot_before,
        arrayPushBack(arrayPopFront(slots), -9) AS slot_after
)
WHERE slot >= 0
GROUP BY slot
ORDER BY slot

-- project_1 = 7
-- version_2 = 4
-- starts_3 = [1772495999999, 1772496000000, 1772582400000, 1772668800000, 1772755200000, 1772841600000, 1772928000000, 1773014400000, 1773100800000]
-- slots_4 = [-2, 0, 1, 2, 3, 4, 5, 6, 7]
-- from_5 = 1900-01-01 00:00:00.000
-- to_6 = 2026-03-11 00:00:00.000
-- name_7 = page_view
