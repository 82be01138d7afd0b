"""What an export handed over, how fresh it is, and which store holds what about people."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.instants import timestamp
from core.person_ids import person_id
from services.profiles.exporting.parts import Part
from services.profiles.exporting.record import Record

# Every place where Pug keeps something that came from people. Whoever adds a table adds it here.
STORES = {
    "PostgreSQL distinct_ids, ties": "person.json",
    "PostgreSQL identity_changes": "Changes on their way to ClickHouse, for moments; what comes of them is in person.json.",
    "PostgreSQL audit_entries": "Who exported a person, by the hash that the person's id is; who made or took back a tie, by its id in "
    "person.json; nothing else about people.",
    "PostgreSQL accounts, orgs, projects, keys, sessions, invitations, attempts": "Those who use Pug, not those whose events are sent.",
    "PostgreSQL dashboards, tiles, saved_insights": "Questions as members wrote them; a filter may name a value.",
    "PostgreSQL erasures, tombstones, server_secrets": "That somebody was erased; a keyed hash of each of their ids.",
    "PostgreSQL project_deletions, removals": "What is being removed, for moments by hashes of ids.",
    "ClickHouse events": "events.ndjson; its sessions in sessions.ndjson.",
    "ClickHouse person_traits": "traits.ndjson",
    "ClickHouse person_ties, identified_ids, identity_versions": "Copies of what person.json says.",
    "ClickHouse person_activity": "Sums of the events by distinct id: the activity in person.json.",
    "ClickHouse active_days, activity_hours, session_hours": "Sums of the events, under hashes of ids and sessions.",
    "ClickHouse totals_days, totals_hours": "Sums of the events.",
    "ClickHouse schema_events, schema_properties, schema_values": "Names and values that properties have had, without whose they were.",
    "ClickHouse removals": "That something was removed; nothing about people.",
    "NATS EVENTS": "Accepted events for the moments until they are stored: see freshness.",
    "NATS DEAD": "dead_letters.ndjson; letters in which no row can be read are not searched.",
    "NATS COOKIELESS_SALTS, COOKIELESS_SESSIONS": "Of cookieless visitors, who belong to no person.",
    "NATS BLOCKS": "Which messages a worker is storing; nothing about people.",
    "Memory": "Answers to questions, for up to a minute.",
}


@dataclass(frozen=True, slots=True)
class Freshness:
    """Until when everything that was accepted is in an export, and how many messages of the event stream were not stored yet."""

    exported_at: datetime
    complete_until: datetime
    messages_waiting: int


def manifest(record: Record, parts: Sequence[Part], freshness: Freshness, *, project_id: int, version: str) -> bytes:
    """The manifest as JSON over several lines; `version` is Pug's own."""
    content = {
        "pug": version,
        "projectId": str(project_id),
        "personId": person_id(record.root),
        "exportedAt": timestamp(freshness.exported_at).ToJsonString(),
        "freshness": {
            "completeUntil": timestamp(freshness.complete_until).ToJsonString(),
            "messagesWaiting": freshness.messages_waiting,
            "identityVersion": record.version,
        },
        "parts": [
            {"name": part.name, "contentType": part.content_type, "lines": part.lines, "bytes": part.bytes, "sha256": part.sha256}
            for part in parts
        ],
        "stores": STORES,
    }
    return f"{json.dumps(content, ensure_ascii=False, indent=1)}\n".encode()
