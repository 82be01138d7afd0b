"""Stories as tables: a line for each event, `who when name key=value …`, and who somebody turned out to be.

ann 2026-03-01T10:00 search
ann 2026-03-01T10:05 buy plan=pro seats=3
"""

import json
from contextlib import suppress

from story import Happening, Store, event


async def tell_table(store: Store, table: str) -> None:
    await store.tell(*(happening(line) for line in table.strip().splitlines()))


def happening(line: str) -> Happening:
    who, when, name, *told = line.split()
    properties = dict(pair.split("=", 1) for pair in told)
    session = properties.pop("session", "")
    return event(name, who, f"{when}Z", session, **{key: value_of(text) for key, text in properties.items()})


def value_of(text: str) -> object:
    """A number or a quoted string as JSON has it, else the text itself."""
    with suppress(json.JSONDecodeError):
        return json.loads(text)
    return text
