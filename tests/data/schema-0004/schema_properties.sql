-- Which property keys a project has sent, and which Pug has added. Many events have the same keys with the same types: they are grouped by
-- their keys first, and only the groups taken apart (docs/decisions/0011).

ALTER TABLE events_to_schema_properties MODIFY QUERY
WITH [
    ('$browser', 'string'), ('$browser_version', 'string'), ('$os', 'string'), ('$os_version', 'string'), ('$device', 'string'),
    ('$mobile', 'boolean'), ('$country', 'string'), ('$region', 'string'), ('$city', 'string'), ('$continent', 'string'),
    ('$postal_code', 'string'), ('$latitude', 'number'), ('$longitude', 'number'), ('$timezone', 'string'), ('$bot', 'boolean'),
    ('$bot_name', 'string'), ('$hostname', 'string'), ('$pathname', 'string'), ('$utm_source', 'string'), ('$utm_medium', 'string'),
    ('$utm_campaign', 'string'), ('$utm_term', 'string'), ('$utm_content', 'string'), ('$referrer_domain', 'string'), ('$channel', 'string'),
    ('$screen_size', 'string')
] AS addable
SELECT
    project_id, name, found.1 AS key, found.2 AS type, writer, sum(events) AS count, max(last) AS last_seen, max(block) AS last_block
FROM
(
    SELECT
        project_id,
        name,
        cityHash64(JSONAllPathsWithTypes(properties)) AS sent_keys,
        -- A bit for each of `addable`, in its order.
        (browser != '') + 2 * (browser_version != '') + 4 * (os != '') + 8 * (os_version != '') + 16 * (device != '') + 32 * (mobile != '')
            + 64 * (country != '') + 128 * (region != '') + 256 * (city != '') + 512 * (continent != '') + 1024 * (postal_code != '')
            + 2048 * (latitude != '') + 4096 * (longitude != '') + 8192 * (timezone != '') + 16384 * (bot != '') + 32768 * (bot_name != '')
            + 65536 * (hostname != '') + 131072 * (pathname != '') + 262144 * (utm_source != '') + 524288 * (utm_medium != '')
            + 1048576 * (utm_campaign != '') + 2097152 * (utm_term != '') + 4194304 * (utm_content != '') + 8388608 * (referrer_domain != '')
            + 16777216 * (channel != '') + 33554432 * (screen_size != '') AS added_keys,
        any(JSONAllPathsWithTypes(properties)) AS sent,
        count() AS events,
        max(occurred_at) AS last,
        toUInt8(bitAnd(toUnixTimestamp64Micro(stored_at), 15)) AS writer,
        max(stored_at) AS block
    FROM events
    GROUP BY project_id, name, writer, sent_keys, added_keys
)
ARRAY JOIN arrayConcat(
    arrayMap(
        path -> (path.1, multiIf(path.2 = 'String', 'string', path.2 = 'Bool', 'boolean', path.2 IN ('Int64', 'UInt64', 'Float64'), 'number', 'list')),
        CAST(sent, 'Array(Tuple(String, String))')
    ),
    arrayMap(place -> addable[place + 1], bitPositionsToArray(added_keys))
) AS found
GROUP BY project_id, name, key, type, writer;
