"""How many events a second Capture makes durable on two cores: JSON and binary batches, through JetStream's acknowledgement.

Two capture processes, NATS, and whoever sends share the two cores; nothing is stored meanwhile.
"""

from statistics import median

from rich.console import Console
from rich.table import Table

from bench.load import json_body, protobuf_body, send
from bench.server import capturing

SECONDS = 5.0
# Many, so that the kernel deals them out evenly among the processes.
CONNECTIONS = 64
ROUNDS = 3
PROCESSES = 2


async def main(console: Console) -> None:
    table = Table(title=f"Capture: {PROCESSES} processes, {CONNECTIONS} connections, median of {ROUNDS} rounds of {SECONDS:.0f} s")
    for column in ("format", "events a batch", "events/s", "least", "most", "p99 ms", "refused", "bytes/event"):
        table.add_column(column, justify="left" if column == "format" else "right")
    bodies = [
        (name, events, body(events), content_type)
        for events in (100, 1_000)
        for name, body, content_type in (("JSON", json_body, "application/json"), ("binary", protobuf_body, "application/proto"))
    ]
    async with capturing(PROCESSES) as pug:
        for name, events, body, content_type in bodies:
            await send(pug, body, content_type, seconds=1, connections=CONNECTIONS)
            rounds = [await send(pug, body, content_type, seconds=SECONDS, connections=CONNECTIONS) for _ in range(ROUNDS)]
            rates = [outcome.rate for outcome in rounds]
            table.add_row(
                name,
                str(events),
                f"{median(rates):,.0f}",
                f"{min(rates):,.0f}",
                f"{max(rates):,.0f}",
                f"{median(outcome.p99_ms for outcome in rounds):.1f}",
                str(sum(outcome.refused for outcome in rounds)),
                f"{len(body) / events:.0f}",
            )
    console.print(table)
