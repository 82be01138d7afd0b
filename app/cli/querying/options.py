"""Options that several kinds of question share."""

from dataclasses import dataclass
from typing import Annotated

import typer

from app.cli.client import CaCertificateOption, SecretKeyOption, UrlOption
from app.cli.output import AsJson
from app.cli.querying.series import METRICS
from app.cli.querying.words import names_of
from pug.insights.v1 import insights_pb2 as pb

_TIME, _WHO = "Time", "Who and what"

EventOption = Annotated[
    list[str] | None,
    typer.Option("--event", help="The event, such as purchase or 'purchase\\[price>=10]'; several are lettered A, B … Any when left out."),
]
OneEventOption = Annotated[
    str | None, typer.Option("--event", help="The event, such as purchase or 'purchase\\[price>=10]'. Default: any.")
]
MetricOption = Annotated[str | None, typer.Option("--metric", help=f"What of the events: {METRICS}. Default: total.")]
PropertyOption = Annotated[str | None, typer.Option("--property", help="The numeric property of sum, avg, min and so on.")]
FormulaOption = Annotated[
    list[str] | None, typer.Option("--formula", help="A line calculated from the letters of events, such as 'conversion = B / A * 100'.")
]
BreakdownOption = Annotated[
    list[str] | None, typer.Option("--breakdown", help="A property to split by, such as plan or @tier; up to 5 times.")
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, max=100, help="How many cells a breakdown keeps; the rest are (others). Default: 10.")
]
GranularityOption = Annotated[
    str | None,
    typer.Option(
        "--granularity", help=f"The size of a bucket: {', '.join(names_of(pb.Granularity, 'GRANULARITY'))}.", rich_help_panel=_TIME
    ),
]
CompareOption = Annotated[
    str | None,
    typer.Option(
        "--compare",
        help="Compare with the `previous` range of the same length, or with that of so long ago: 7d, 52w.",
        rich_help_panel=_TIME,
    ),
]
ApproximateOption = Annotated[
    bool, typer.Option("--approximate", help="Distinct persons and sessions may be estimated, by about 1 %.", rich_help_panel=_WHO)
]
SparklineOption = Annotated[bool, typer.Option("--sparkline", help="One line per series, with a small chart.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """The time a question is asked about, and whose events it reads; of a file, what isn't said here stays as it is there."""

    since: Annotated[str | None, typer.Option("--from", help="The first day or instant, such as 2026-03-01.", rich_help_panel=_TIME)] = None
    until: Annotated[
        str | None, typer.Option("--to", help="The first day or instant after the range. Default: now.", rich_help_panel=_TIME)
    ] = None
    preset: Annotated[
        str | None,
        typer.Option(help=f"A range: {', '.join(names_of(pb.Preset, 'PRESET'))}. Default: last_30_days.", rich_help_panel=_TIME),
    ] = None
    time_zone: Annotated[
        str | None,
        typer.Option(
            help="The time zone buckets are cut in, such as Europe/Berlin. Default: the project's; --from and --to are in UTC then.",
            rich_help_panel=_TIME,
        ),
    ] = None
    week_start: Annotated[str | None, typer.Option(help="monday or sunday. Default: monday.", rich_help_panel=_TIME)] = None
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Reads only such events: plan=pro, plan!=free, price>=10, @tier=gold … All of them have to pass.", rich_help_panel=_WHO
        ),
    ] = None
    any_where: Annotated[bool, typer.Option("--any", help="One of the --where is enough.", rich_help_panel=_WHO)] = False
    include_cookieless: Annotated[
        bool, typer.Option("--include-cookieless", help="Visitors without cookies are persons, too.", rich_help_panel=_WHO)
    ] = False
    as_of_identity: Annotated[
        int | None,
        typer.Option(min=1, help="Who is who, as of the identity version of an earlier answer.", rich_help_panel=_WHO),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Whom to ask, and how to show the answer."""

    explain: Annotated[bool, typer.Option("--explain", help="Show the SQL and its values instead of the answer.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the question as JSON, for --file and curl, and ask nobody.")] = False
    as_json: AsJson = False
    url: UrlOption = None
    key: SecretKeyOption = None
    ca_certificate: CaCertificateOption = None
