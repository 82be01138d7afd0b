"""`pug query lifecycle`."""

from app.cli.querying.asking import ask
from app.cli.querying.filters import event_of
from app.cli.querying.options import Answering, Framing, GranularityOption, OneEventOption
from app.cli.querying.request import request_of
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.lifecycle_pb2 import Lifecycle

EXAMPLES = """pug query lifecycle --granularity week --preset last_90_days

pug query lifecycle --event page_view --where plan=pro"""


def lifecycle(*, event: OneEventOption = None, granularity: GranularityOption = None, framing: Framing, answering: Answering) -> None:
    """Who is new, stays, comes back or goes."""
    asked = Lifecycle(event=event_of(event or "", "--event"))
    ask(request_of(pb.Insight(lifecycle=asked), framing, granularity=granularity), answering)
