-- Which values properties have had, of those a client sent and of those Pug has added.
--
-- Taking every event apart by its values would make storing half as expensive again. So all events of a name are looked at until a project has
-- sent 10,000 of it, and from then on those whose id's hash is a multiple of 32, each counting for 32: few values are missing that are worth
-- choosing. Left out are lists, texts of more than 200 characters, and what only one event of a block says when the block has more than 100
-- values of that key; and a block keeps the 1,000 most frequent of each.

ALTER TABLE events_to_schema_values MODIFY QUERY
WITH [
    '$browser', '$browser_version', '$os', '$os_version', '$device', '$mobile', '$country', '$region', '$city', '$continent', '$postal_code',
    '$latitude', '$longitude', '$timezone', '$bot', '$bot_name', '$hostname', '$pathname', '$utm_source', '$utm_medium', '$utm_campaign',
    '$utm_term', '$utm_content', '$referrer_domain', '$channel', '$screen_size'
] AS addable
SELECT project_id, key, name, value, writer, count, last_seen, last_block
FROM
(
    SELECT
        project_id, found.1 AS key, name, found.2 AS value, writer,
        sum(weight) AS count, max(occurred_at) AS last_seen, max(stored_at) AS last_block,
        count() AS seen, count() OVER (PARTITION BY project_id, key, name) AS different
    FROM
    (
        SELECT
            project_id, name, occurred_at, stored_at,
            toUInt8(bitAnd(toUnixTimestamp64Micro(stored_at), 15)) AS writer,
            if(often, 32, 1) AS weight,
            (project_id, name) IN (SELECT project_id, name FROM schema_events GROUP BY project_id, name HAVING sum(count) >= 10000) AS often,
            arrayZip(JSONAllPaths(properties), JSONAllValues(properties), mapValues(JSONAllPathsWithTypes(properties))) AS sent,
            -- In the order of `addable`.
            [
                browser, browser_version, os, os_version, device, mobile, country, region, city, continent, postal_code,
                latitude, longitude, timezone, bot, bot_name, hostname, pathname, utm_source, utm_medium, utm_campaign,
                utm_term, utm_content, referrer_domain, channel, screen_size
            ] AS added
        FROM events
        WHERE cityHash64(event_id) % 32 = 0 OR NOT often
    )
    ARRAY JOIN arrayConcat(
        arrayMap(one -> (one.1, one.2), arrayFilter(one -> lengthUTF8(one.2) <= 200 AND NOT startsWith(one.3, 'Array'), sent)),
        arrayFilter(one -> one.2 != '' AND lengthUTF8(one.2) <= 200, arrayZip(addable, CAST(added, 'Array(String)')))
    ) AS found
    GROUP BY project_id, key, name, value, writer
)
WHERE seen > 1 OR different <= 100
ORDER BY count DESC
LIMIT 1000 BY project_id, key, name;
