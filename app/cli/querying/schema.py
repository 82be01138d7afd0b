"""`pug schema`: what a project has sent."""

from datetime import UTC
from typing import Annotated

import typer

from app.cli.client import CaCertificateOption, KeyKind, SecretKeyOption, UrlOption, calling, server_for, told_in_one_line
from app.cli.output import AsJson, data_console, instant_text, note, print_message, print_table, table
from app.cli.querying.asking import insights
from pug.insights.v1 import insights_pb2 as pb

EPILOG = "Examples:  pug schema   ·   pug schema --event purchase --json   ·   pug schema --search checkout"


@told_in_one_line()
def schema(
    *,
    event: Annotated[str | None, typer.Option(help="Only properties of this event.")] = None,
    search: Annotated[str | None, typer.Option(help="Only names and keys that contain this.")] = None,
    url: UrlOption = None,
    key: SecretKeyOption = None,
    ca_certificate: CaCertificateOption = None,
    as_json: AsJson = False,
) -> None:
    """List the event names and property keys the project has sent."""
    server = server_for(url, key, KeyKind.SECRET, ca_certificate)
    with calling(server):
        found = insights(server).get_schema(pb.GetSchemaRequest(event_name=event or "", search=search or ""), headers=server.headers)
    if as_json:
        print_message(found)
        return
    events = [(each.name, f"{each.count:,}", instant_text(each.last_seen.ToDatetime(UTC))) for each in found.events]
    properties = [
        (
            each.key,
            ", ".join(f"{kind.name} {kind.count:,}" for kind in each.types),
            f"{each.count:,}",
            instant_text(each.last_seen.ToDatetime(UTC)),
        )
        for each in found.properties
    ]
    print_table(table(("event", "count", "last seen"), events, numbers=(1,)))
    data_console().print()
    print_table(table(("property", "types", "count", "last seen"), properties, numbers=(2,)))
    for what, listed, more in (("event names", events, found.more_events), ("properties", properties, found.more_properties)):
        if more:
            note(f"There are more {what} than these {len(listed):,}, the most frequent: --search finds the others.")
