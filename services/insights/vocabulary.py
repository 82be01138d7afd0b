"""Which properties Pug adds to events, each in a column of its own (migrations/clickhouse/0003_derived.sql)."""

from collections.abc import Mapping

from core.sql import Sql, sql

# The client's own value wins: the column is empty where it sent one.
CLIENT_OR_DERIVED: Mapping[str, Sql] = {
    "$browser": sql("browser"),
    "$browser_version": sql("browser_version"),
    "$os": sql("os"),
    "$os_version": sql("os_version"),
    "$device": sql("device"),
    "$mobile": sql("mobile"),
    "$pathname": sql("pathname"),
    "$hostname": sql("hostname"),
    "$utm_source": sql("utm_source"),
    "$utm_medium": sql("utm_medium"),
    "$utm_campaign": sql("utm_campaign"),
    "$utm_term": sql("utm_term"),
    "$utm_content": sql("utm_content"),
    "$screen_size": sql("screen_size"),
}

# Those that have few values, so that a state for each value and bucket takes little memory.
FEW_VALUED = frozenset({"$browser", "$os", "$device", "$mobile", "$country", "$continent", "$bot", "$channel"})

# What a client says about these is dropped at the edge, or kept there in its normal form: nothing of it is to be read from the JSON.
DERIVED: Mapping[str, Sql] = {
    "$country": sql("country"),
    "$region": sql("region"),
    "$city": sql("city"),
    "$continent": sql("continent"),
    "$postal_code": sql("postal_code"),
    "$latitude": sql("latitude"),
    "$longitude": sql("longitude"),
    "$timezone": sql("timezone"),
    "$bot": sql("bot"),
    "$bot_name": sql("bot_name"),
    "$referrer_domain": sql("referrer_domain"),
    "$channel": sql("channel"),
    "$locale": sql("locale"),
}
