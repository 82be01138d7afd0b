from contextvars import copy_context

import structlog

from core import telemetry


def line() -> structlog.typing.EventDict:
    return telemetry._add_ids(None, "info", {"event": "stored"})  # pyright: ignore[reportPrivateUsage] (what it is for shows in whole lines only)


def test_a_line_says_its_request_and_its_trace_when_there_are_any() -> None:
    def within() -> structlog.typing.EventDict:
        telemetry.request_id.set("r1")
        telemetry.trace_id.set("t1")
        return line()

    assert copy_context().run(within) == {"event": "stored", "request_id": "r1", "trace_id": "t1"}
    assert line() == {"event": "stored"}
