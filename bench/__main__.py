"""`make bench` runs all; `make bench BENCH=capture` one."""

import asyncio
import sys

from rich.console import Console

from bench import capture, engines, freshness, identify, insights, people

BENCHES = {
    "engines": engines.main,
    "capture": capture.main,
    "freshness": freshness.main,
    "insights": insights.main,
    "identify": identify.main,
    "people": people.main,
}


def main() -> None:
    console = Console(width=140)
    chosen = sys.argv[1:] or list(BENCHES)
    for name in chosen:
        if name not in BENCHES:
            sys.exit(f"There is no benchmark {name!r}; there are {', '.join(BENCHES)}.")
        asyncio.run(BENCHES[name](console))


main()
