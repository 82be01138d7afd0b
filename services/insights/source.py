"""Where an answer comes from."""

from pug.insights.v1.insights_pb2 import Meta


def choose_source() -> Meta.Table:
    """The events themselves: there is no rollup to choose yet."""
    return Meta.TABLE_RAW
