"""The stream of dead letters: reads it, sends letters back, deletes them."""

import contextlib
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from typing import cast

import nats.errors
import nats.js.errors
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.client import JetStreamContext

from app.cli.dead.letters import DeadLetter
from core.dead_letters import DEAD, SUBJECTS, delete
from core.errors import SettingsInvalid, StreamUnavailable

_HEADS_A_FETCH = 500
_ANSWER_WITHIN_S = 5.0
_FORGET_READER_S = 30.0
_FULL = frozenset({10047, 10077})


@dataclass(frozen=True, slots=True)
class Totals:
    """How much the stream holds."""

    letters: int
    bytes: int


class DeadLetters:
    """The dead letters there are."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        """Nothing is asked yet."""
        self._jetstream = jetstream

    async def totals(self) -> Totals:
        """How many there are, and how large all of them."""
        with _answering():
            state = (await self._jetstream.stream_info(DEAD)).state
        return Totals(state.messages, state.bytes)

    async def heads(self) -> AsyncGenerator[DeadLetter]:
        """All of them, oldest first, without their content."""
        with _answering():
            reader = await self._jetstream.pull_subscribe(SUBJECTS, stream=DEAD, config=_heads_only())
            while left := (await reader.consumer_info()).num_pending:
                for message in await reader.fetch(min(left, _HEADS_A_FETCH), timeout=_ANSWER_WITHIN_S):
                    place, headers = message.metadata, dict(message.headers or {})
                    size = int(headers.pop("Nats-Msg-Size", "0"))
                    yield DeadLetter(place.sequence.stream, place.timestamp, headers, size)
            await reader.unsubscribe()

    async def read(self, letter_id: int) -> DeadLetter | None:
        """One with its content; None when there is none under that id."""
        with _answering():
            try:
                found = await self._jetstream.get_msg(DEAD, letter_id, direct=True)
            except nats.js.errors.NotFoundError:
                return None
        # What JetStream adds to tell where the message is.
        given = cast("dict[str, str]", found.headers or {})
        headers = {name: value for name, value in given.items() if not name.startswith("Nats-")}
        assert found.time is not None
        content = found.data or b""
        return DeadLetter(letter_id, found.time, headers, len(content), content)

    async def send_back(self, letter: DeadLetter) -> bool:
        """Put the original bytes back where they came from; False when that had been done moments ago.

        Returns once JetStream holds them. The letter stays: whoever calls deletes it.
        """
        # Said twice within the stream's duplicate window, JetStream keeps one. The time tells it from a letter of a stream made anew.
        headers = {"Nats-Msg-Id": f"dead-{letter.id}-{letter.came_at.isoformat()}"}
        with _answering(letter):
            answer = await self._jetstream.publish(
                letter.subject, letter.content, stream=letter.stream, headers=headers, timeout=_ANSWER_WITHIN_S
            )
        return not answer.duplicate

    async def delete(self, letter_id: int) -> bool:
        """Delete one for good, its bytes on the disk overwritten; False when it was gone."""
        with _answering():
            return await delete(self._jetstream, letter_id)


def _heads_only() -> ConsumerConfig:
    return ConsumerConfig(
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.NONE,
        headers_only=True,
        mem_storage=True,
        num_replicas=1,
        inactive_threshold=_FORGET_READER_S,
    )


@contextlib.contextmanager
def _answering(sent: DeadLetter | None = None) -> Generator[None]:
    """Turns what NATS answers instead of doing what it should into one line."""
    where = f"the stream {sent.stream} (dead letter {sent.id}, subject {sent.subject})" if sent else f"the stream {DEAD}"
    try:
        yield
    except (nats.js.errors.NoStreamResponseError, nats.errors.NoRespondersError, nats.js.errors.NotFoundError) as error:
        raise SettingsInvalid(f"NATS has not {where}.", field="NATS_URL", hint="`pug migrate` makes the streams.") from error
    except nats.js.errors.APIError as error:
        full = " It is full: let a worker catch up first, or raise PUG_STREAM_MAX_BYTES." if error.err_code in _FULL else ""
        raise StreamUnavailable(f"NATS refuses what concerns {where}: {error.description}.{full}") from error
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise StreamUnavailable(
            f"NATS does not answer about {where}: {str(error) or type(error).__name__}.", hint="The same command again is safe."
        ) from error
