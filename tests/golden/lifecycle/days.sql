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
    SELECT distinct_hash AS person, transform(roundDown(toUnixTimestamp64Milli(occurred_at), {starts_1:Array(Int64)}), {starts_1:Array(Int64)}, {slots_2:Array(Int64)}) AS slot
    FROM events
    WHERE project_id = {project_3:UInt64} AND occurred_at >= {from_4:DateTime64(3, 'UTC')} AND occurred_at < {to_5:DateTime64(3, 'UTC')}
    AND (name = {name_6:String})
    AND (properties.`plan`.:String = {value_7:String})
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

-- starts_1 = [1772837999999, 1772838000000, 1772924400000, 1772946000000, 1773010800000]
-- slots_2 = [-2, 0, -1, 1, 2]
-- project_3 = 7
-- from_4 = 1900-01-01 00:00:00.000
-- to_5 = 2026-03-09 23:00:00.000
-- name_6 = signed_up
-- value_7 = pro
