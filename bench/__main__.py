"""`make bench` runs all; `make bench BENCH=capture` one."""

import asyncio
import sys

from rich.console import Console

from bench import capture, engines, freshness, identify, insights, people, rollups

BENCHES = {
    "engines": engines.main,
    "capture": capture.main,
    "freshness": freshness.main,
    "insights": insights.main,
    "identify": identify.main,
    "people": people.main,
    "rollups": rollups.main,
}
# What takes long is measured when it is named.
ON_DEMAND = {"rollups-100m": rollups.of_100_million}


def main() -> None:
    console = Console(width=140)
    chosen = sys.argv[1:] or list(BENCHES)
    for name in chosen:
        if name not in BENCHES | ON_DEMAND:
            sys.exit(f"There is no benchmark {name!r}; there are {', '.join(BENCHES | ON_DEMAND)}.")
        asyncio.run((BENCHES | ON_DEMAND)[name](console))


main()
