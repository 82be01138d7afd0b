"""A partition of the event stream: what one worker at a time stores, side by side with those of the others.

An event's partition follows from its id (core/rows.py), so that an event that comes again meets the worker that stored it.
"""

from dataclasses import dataclass

STREAM = "EVENTS"
JOB = "events-writer"


@dataclass(frozen=True, slots=True)
class Partition:
    """The partition with a number from 0, of so many."""

    number: int
    of: int

    @property
    def worker(self) -> str:
        """What its worker is called: in the ledger, among the stream's consumers and in logs."""
        return JOB if self.number == 0 else f"{JOB}-{self.number}"

    @property
    def subjects(self) -> list[str]:
        """The subjects its events come on. The first partition also takes those published before there were any partitions."""
        return [f"events.captured.{self.number}", *(["events.captured"] if self.number == 0 else [])]
