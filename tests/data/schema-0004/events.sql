-- From a row as it comes in to an event, with what can be derived from it. docs/enrichment.md is this file in words; add a domain here AND
-- there. `pug migrate` brings the view up to this file whenever the file has changed; events that are stored stay as they are.
--
-- Almost everything is a function of one LowCardinality value, which ClickHouse calculates once for each distinct value of a block, not for
-- each event: `url`, `page` or `context`, not two of them. Keep it so (docs/decisions/0011 says what each part costs).

ALTER TABLE events_in_to_events MODIFY QUERY
WITH
    -- 1. Who is who. A host belongs to a domain of a list when it is the domain or ends with a dot and the domain. utm_source is compared with
    --    the names too.
    [
        'chatgpt.com', 'openai.com', 'claude.ai', 'anthropic.com', 'gemini.google.com', 'bard.google.com', 'notebooklm.google.com',
        'aistudio.google.com', 'copilot.microsoft.com', 'copilot.com', 'm365.cloud.microsoft', 'perplexity.ai', 'you.com', 'poe.com', 'meta.ai',
        'grok.com', 'x.ai', 'deepseek.com', 'mistral.ai', 'phind.com', 'duck.ai', 'kimi.com', 'kimi.ai', 'moonshot.cn', 'doubao.com',
        'qwen.ai', 'tongyi.aliyun.com', 'chatglm.cn', 'yiyan.baidu.com', 'chat.baidu.com', 'yuanbao.tencent.com', 'character.ai', 'pi.ai',
        'andisearch.com', 'komo.ai', 'iask.ai', 'felo.ai', 'genspark.ai', 'liner.com'
    ] AS assistant_domains,
    [
        'chatgpt', 'openai', 'claude', 'anthropic', 'gemini', 'bard', 'copilot', 'microsoft-copilot', 'perplexity', 'grok', 'deepseek', 'mistral',
        'lechat', 'le-chat', 'meta-ai', 'metaai', 'phind', 'kimi', 'doubao', 'qwen', 'poe'
    ] AS assistant_names,
    [
        'mail.google.com', 'outlook.com', 'outlook.live.com', 'hotmail.com', 'mail.live.com', 'outlook.office.com', 'outlook.office365.com',
        'mail.yahoo.com', 'mail.yahoo.co.jp', 'mail.aol.com', 'mail.yandex.ru', 'mail.yandex.com', 'e.mail.ru', 'mail.qq.com', 'mail.163.com',
        'mail.126.com', 'mail.sina.com.cn', 'mail.naver.com', 'mail.daum.net', 'email.seznam.cz', 'proton.me', 'protonmail.com', 'tutanota.com',
        'tuta.com', 'fastmail.com', 'mail.zoho.com', 'mail.zoho.eu', 'icloud.com', 'navigator.gmx.net', 'navigator-bs.gmx.net', 'gmx.net',
        'gmx.com', 'mail.com', 'webmail.free.fr', 'mail.orange.fr', 'mail.libero.it', 'deref-gmx.net', 'deref-mail.com', 'deref-web.de'
    ] AS mail_domains,
    ['email', 'e-mail', 'e_mail', 'newsletter', 'gmail'] AS mail_names,
    -- Google has too many domains to list: google_domains below.
    [
        'bing.com', 'duckduckgo.com', 'yahoo.com', 'yahoo.co.jp', 'baidu.com', 'yandex.com', 'yandex.ru', 'yandex.kz', 'yandex.by', 'yandex.uz',
        'yandex.com.tr', 'ya.ru', 'ecosia.org', 'search.brave.com', 'startpage.com', 'perplexity.ai', 'qwant.com', 'kagi.com', 'naver.com',
        'daum.net', 'seznam.cz', 'coccoc.com', 'sogou.com', 'so.com', 'haosou.com', 'sm.cn', 'ask.com', 'aol.com', 'lycos.com', 'dogpile.com', 'metager.org', 'metager.de', 'marginalia.nu', 'marginalia-search.com', 'mojeek.com',
        'mojeek.co.uk', 'swisscows.com', 'search.ch', 'rambler.ru', 'go.mail.ru', 'presearch.com', 'gibiru.com',
        'searx.be', 'lilo.org', 'petalsearch.com', 'so.toutiao.com', 'search.goo.ne.jp', 'search.virgilio.it', 'webcrawler.com', 'ekoru.org',
        'oceanhero.today'
    ] AS search_domains,
    [
        'google', 'bing', 'duckduckgo', 'ddg', 'yahoo', 'baidu', 'yandex', 'ecosia', 'brave', 'startpage', 'perplexity', 'qwant', 'kagi', 'naver',
        'daum', 'seznam', 'coccoc', 'sogou', 'ask', 'aol', 'mojeek', 'swisscows', 'adwords', 'googleads', 'google-ads', 'google_ads',
        'bingads'
    ] AS search_names,
    [
        'facebook.com', 'fb.com', 'fb.me', 'messenger.com', 'instagram.com', 'twitter.com', 'x.com', 't.co', 'linkedin.com', 'lnkd.in', 'tiktok.com',
        'pinterest.com', 'pin.it', 'reddit.com', 'redd.it', 'threads.net', 'threads.com', 'bsky.app', 'news.ycombinator.com', 'mastodon.social',
        'mastodon.online', 'mstdn.social', 'fosstodon.org', 'hachyderm.io', 'whatsapp.com', 'wa.me', 'telegram.org', 'telegram.me', 't.me',
        'vk.com', 'vk.ru', 'ok.ru', 'weibo.com', 'weibo.cn', 'quora.com', 'snapchat.com', 'discord.com', 'discord.gg', 'discordapp.com',
        'tumblr.com', 'linktr.ee', 'line.me', 'kakao.com', 'zalo.me', 'nextdoor.com', 'xing.com', 'douban.com', 'zhihu.com', 'xiaohongshu.com',
        'mixi.jp', 'plurk.com', 'flipboard.com', 'wechat.com', 'weixin.qq.com', 'qzone.qq.com', 'gab.com',
        'truthsocial.com', 'lemmy.world', 'lobste.rs', 'stocktwits.com'
    ] AS social_domains,
    [
        'facebook', 'fb', 'instagram', 'ig', 'twitter', 'x', 'linkedin', 'tiktok', 'pinterest', 'reddit', 'threads', 'bluesky', 'bsky', 'hackernews',
        'hn', 'whatsapp', 'telegram', 'mastodon', 'messenger', 'meta', 'vk', 'vkontakte', 'weibo', 'quora', 'snapchat', 'discord', 'tumblr',
        'linktree', 'line', 'kakao', 'zalo', 'nextdoor', 'xing', 'wechat'
    ] AS social_names,
    ['youtube.com', 'youtu.be', 'youtube-nocookie.com', 'vimeo.com', 'twitch.tv', 'dailymotion.com', 'dai.ly', 'bilibili.com', 'rumble.com',
        'nicovideo.jp', 'youku.com', 'rutube.ru', 'odysee.com', 'wistia.com', 'loom.com'
    ] AS video_domains,
    ['youtube', 'yt', 'vimeo', 'twitch', 'dailymotion', 'bilibili', 'rumble'] AS video_names,
    -- `google.` and one or two labels of two or three letters: google.de, google.co.uk, google.com.br.
    '(^|[.])google([.][a-z]{2,3}){1,2}$' AS google_domains,

    -- 2. Parameters a network adds to the address of a page when somebody clicks. Those of the first three come with paid clicks only.
    ['gclid', 'gbraid', 'wbraid', 'gad_source', 'msclkid', 'yclid'] AS search_ad_ids,
    ['dclid'] AS display_ad_ids,
    ['ttclid', 'twclid', 'li_fat_id', 'rdt_cid', 'sccid', 'epik'] AS social_ad_ids,
    ['fbclid', 'igshid', 'igsh'] AS social_ids,

    domains -> concat('(^|[.])(', arrayStringConcat(arrayMap(domain -> replaceAll(domain, '.', '[.]'), domains), '|'), ')$') AS within,
    names -> concat('^(', arrayStringConcat(names, '|'), ')$') AS named,
    (names, domains) -> concat(named(names), '|', within(domains)) AS named_or_within,
    ids -> concat('(?i)[?&](', arrayStringConcat(ids, '|'), ')=[^&]') AS any_of,

    -- 3. The page. Host names may have letters of any script. A backslash ends a host as a slash does: browsers read it so. Expressions without
    --    groups are several times faster, so addresses are cut by such first, and only the few different hosts are looked into.
    '(?:[^/?#\\x5c]*@)?([[][0-9A-Fa-f:.]+[]]|[0-9A-Za-z_\\x{80}-\\x{10FFFF}](?:[0-9A-Za-z_.\\x{80}-\\x{10FFFF}-]*[0-9A-Za-z_\\x{80}-\\x{10FFFF}-])?)[.]?(?::[0-9]{0,5})?$'
        AS host,
    toLowCardinality(ifNull(properties.`$url`.:String, '')) AS url,
    lowerUTF8(extract(extract(url, '^(?i:https?)://[^/?#\\x5c]+'), concat('//', host))) AS page_host,
    page_host != '' AS is_web,
    replaceRegexpOne(url, '^[^/]*//[^/?#\\x5c]*', '') AS page,
    replaceAll(toValidUTF8(decodeURLComponent(extract(page, '^[^?#]*'))), '\0', '�') AS page_path,
    -- From the first parameter that says where a visit comes from: addresses that differ only elsewhere have this in common, mostly nothing.
    arrayConcat(['utm_[a-z]+'], search_ad_ids, display_ad_ids, social_ad_ids, social_ids) AS parameters_of_origin,
    extract(extract(page, '^[^#]*'), concat('(?i)[?&](?:', arrayStringConcat(parameters_of_origin, '|'), ')=.*')) AS page_origin,
    toLowCardinality(if(is_web, page_origin, '')) AS origin,
    key -> replaceAll(toValidUTF8(decodeURLFormComponent(extract(origin, concat('[?&]', key, '=([^&]+)')))), '\0', '�') AS parameter,

    -- 4. What the client said itself.
    if(isNull(properties.`$utm_source`), parameter('utm_source'), '') AS url_utm_source,
    if(isNull(properties.`$utm_medium`), parameter('utm_medium'), '') AS url_utm_medium,
    if(isNull(properties.`$utm_campaign`), parameter('utm_campaign'), '') AS url_utm_campaign,
    if(isNull(properties.`$utm_term`), parameter('utm_term'), '') AS url_utm_term,
    if(isNull(properties.`$utm_content`), parameter('utm_content'), '') AS url_utm_content,
    -- One of the two is empty.
    lowerUTF8(trimBoth(toLowCardinality(concat(ifNull(properties.`$utm_source`.:String, ''), url_utm_source)))) AS source,
    lowerUTF8(trimBoth(toLowCardinality(concat(ifNull(properties.`$utm_medium`.:String, ''), url_utm_medium)))) AS medium,
    source != '' OR medium != ''
        OR url_utm_campaign != '' OR ifNull(properties.`$utm_campaign`.:String != '', false)
        OR url_utm_term != '' OR ifNull(properties.`$utm_term`.:String != '', false)
        OR url_utm_content != '' OR ifNull(properties.`$utm_content`.:String != '', false) AS has_utm,

    -- 5. The site before. Empty when it is the page's own; exactly one `www.` doesn't matter.
    trimBoth(toLowCardinality(ifNull(properties.`$referrer`.:String, ''))) AS referrer,
    extract(referrer, '^(?:[A-Za-z][0-9A-Za-z+.-]*:)?//[^/?#\\x5c]+') AS referrer_root,
    replaceRegexpOne(lowerUTF8(extract(referrer_root, concat('//', host))), '^www[.]', '') AS referrer_site,
    replaceRegexpOne(toLowCardinality(if(is_web, page_host, lowerUTF8(ifNull(properties.`$hostname`.:String, '')))), '^www[.]', '') AS own_site,
    toLowCardinality(if(referrer_site = own_site, '', referrer_site)) AS foreign_site,

    -- 6. The channel: the first that holds.
    match(medium, 'cp|^ppc$|^retargeting$|^paid') AS is_paid,
    match(source, concat(named_or_within(search_names, search_domains), '|', google_domains)) AS search_source,
    match(source, named_or_within(social_names, social_domains)) AS social_source,
    match(source, named_or_within(video_names, video_domains)) AS video_source,
    match(foreign_site, concat('^google$|', within(search_domains), '|', google_domains)) AS search_site,
    match(foreign_site, within(social_domains)) AS social_site,
    match(foreign_site, within(video_domains)) AS video_site,
    match(origin, any_of(search_ad_ids)) AS search_ad,
    match(origin, any_of(display_ad_ids)) AS display_ad,
    match(origin, any_of(social_ad_ids)) AS social_ad,
    match(origin, any_of(social_ids)) AS social_click,
    multiIf(
        search_source, 'search', social_source, 'social', video_source, 'video',
        search_ad, 'search', social_ad OR social_click, 'social',
        search_site, 'search', social_site, 'social', video_site, 'video',
        ''
    ) AS network,
    multiIf(
        NOT is_web, '',
        is_paid AND network = 'search', 'Paid Search',
        is_paid AND network = 'social', 'Paid Social',
        is_paid AND network = 'video', 'Paid Video',
        match(medium, named(['display', 'banner', 'expandable', 'interstitial', 'cpm'])), 'Display',
        search_ad, 'Paid Search',
        display_ad, 'Display',
        social_ad, 'Paid Social',
        is_paid, 'Paid Other',
        match(source, named_or_within(assistant_names, assistant_domains)), 'AI Assistants',
        match(source, within(mail_domains)), 'Email',
        search_source OR medium = 'organic', 'Organic Search',
        social_source OR match(medium, named(['social', 'social-network', 'social-media', 'sm'])), 'Organic Social',
        video_source OR medium = 'video', 'Organic Video',
        match(source, named(mail_names)) OR match(medium, named(mail_names)), 'Email',
        medium = 'affiliate', 'Affiliate',
        social_click, 'Organic Social',
        match(foreign_site, within(assistant_domains)), 'AI Assistants',
        match(foreign_site, within(mail_domains)), 'Email',
        search_site, 'Organic Search',
        social_site, 'Organic Social',
        video_site, 'Organic Video',
        foreign_site != '', 'Referral',
        has_utm OR (referrer != '' AND referrer_site = ''), 'Unassigned',
        'Direct'
    ) AS channel_name,

    -- 7. What the device says. A screen is whole pixels, at most 100,000 of them.
    ifNull(toFloat64(properties.`$screen_width`.:Int64), ifNull(properties.`$screen_width`.:Float64, 0)) AS width,
    ifNull(toFloat64(properties.`$screen_height`.:Int64), ifNull(properties.`$screen_height`.:Float64, 0)) AS height,
    width >= 0.5 AND width <= 1e5 AND height >= 0.5 AND height <= 1e5 AND isNull(properties.`$screen_size`) AS has_screen,
    -- de-DE, zh-Hant-TW. Most come that way; only the others are taken apart, which costs more.
    trimBoth(toLowCardinality(ifNull(properties.`$locale`.:String, ''))) AS sent_locale,
    match(sent_locale, '^([a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?)?$') AS is_normal_locale,
    arrayFilter(subtag -> subtag != '', splitByRegexp('[-_]', lower(if(is_normal_locale, '', sent_locale)))) AS subtags,
    arrayStringConcat(
        arrayMap(
            (subtag, place) -> multiIf(place = 1, subtag, length(subtag) = 2, upper(subtag), length(subtag) = 4, initcap(subtag), subtag),
            subtags, arrayEnumerate(subtags)
        ),
        '-'
    ) AS mended_locale,

    -- 8. What the request says of its client: flat JSON, here without spaces between its parts.
    replaceRegexpAll(context, '("(?:[^"\\\\]|\\\\.)*")|[[:space:]]+', '\\1') AS client,
    key -> simpleJSONExtractString(client, key) AS text_of,
    -- Numbers and booleans as their text, as they read from JSON.
    key -> replaceRegexpOne(simpleJSONExtractRaw(client, key), '^"(.*)"$|^null$', '\\1') AS scalar_of
SELECT
    project_id,
    name,
    fromUnixTimestamp64Milli(occurred_at, 'UTC') AS occurred_at,
    sipHash64(distinct_id) AS distinct_hash,
    distinct_id,
    session_id,
    event_id,
    fromUnixTimestamp64Milli(received_at, 'UTC') AS received_at,
    -- An insert says its block's stored_at in log_comment, a setting that ClickHouse carries along and doesn't use: so no row has to repeat it.
    fromUnixTimestamp64Micro(toInt64OrZero(getSetting('log_comment')), 'UTC') AS stored_at,
    properties,
    if(isNull(properties.`$browser`), text_of('$browser'), '') AS browser,
    if(isNull(properties.`$browser_version`), text_of('$browser_version'), '') AS browser_version,
    if(isNull(properties.`$os`), text_of('$os'), '') AS os,
    if(isNull(properties.`$os_version`), text_of('$os_version'), '') AS os_version,
    if(isNull(properties.`$device`), text_of('$device'), '') AS device,
    if(isNull(properties.`$mobile`), scalar_of('$mobile'), '') AS mobile,
    text_of('$country') AS country,
    text_of('$region') AS region,
    text_of('$city') AS city,
    text_of('$continent') AS continent,
    text_of('$postal_code') AS postal_code,
    scalar_of('$latitude') AS latitude,
    scalar_of('$longitude') AS longitude,
    text_of('$timezone') AS timezone,
    scalar_of('$bot') AS bot,
    text_of('$bot_name') AS bot_name,
    if(isNull(properties.`$hostname`), page_host, '') AS hostname,
    multiIf(NOT is_web OR isNotNull(properties.`$pathname`), '', page_path = '', '/', page_path) AS pathname,
    url_utm_source AS utm_source,
    url_utm_medium AS utm_medium,
    url_utm_campaign AS utm_campaign,
    url_utm_term AS utm_term,
    url_utm_content AS utm_content,
    foreign_site AS referrer_domain,
    channel_name AS channel,
    if(has_screen, concat(toString(toUInt32(round(width))), 'x', toString(toUInt32(round(height)))), '') AS screen_size,
    concat(if(is_normal_locale, sent_locale, ''), mended_locale) AS locale,
    startsWith(distinct_id, 'cookieless-') AS cookieless
FROM events_in;
