"""CaptureService: decodes, validates, and answers once the events are durable."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta

from core.errors import InvalidArgument, ResourceExhausted
from pug.capture.v1 import capture_pb2 as pb
from services.capture.batch import Arrival, Batch, receipt
from services.capture.context.enricher import Client
from services.capture.cookieless.visitors import Visitors
from services.capture.json_batch import decode_json
from services.capture.protobuf_batch import decode_protobuf
from services.capture.recent import RecentEvents
from services.rpc.call import Call, Sender
from services.rpc.failures import failure_of
from services.rpc.service import EncodedMessage


def _nobody(_project_id: int) -> None:
    """Of projects in which nobody was erased."""


class CaptureService:
    """Takes events in."""

    def __init__(
        self,
        publish: Callable[[bytes], Awaitable[None]],
        now: Callable[[], datetime],
        new_event_id: Callable[[], str],
        *,
        client_of: Callable[[Sender], Client],
        visitors: Visitors,
        erased_in: Callable[[int], Callable[[str], bool] | None] = _nobody,
    ) -> None:
        """`publish` returns once the rows it is given are durable.

        `client_of` tells who a request came from, `visitors` whose cookieless events are, `erased_in` of a project whose ids are refused.
        """
        self._publish = publish
        self._now = now
        self._recent = RecentEvents()
        self._new_event_id = new_event_id
        self._client_of = client_of
        self._visitors = visitors
        self._erased_in = erased_in

    async def capture(self, request: EncodedMessage, call: Call) -> pb.CaptureResponse:
        """The receipt of a batch, given when JetStream holds what was accepted."""
        batch, _ = await self._take(request, call)
        return receipt(batch)

    async def capture_stream(self, requests: AsyncIterator[EncodedMessage], call: Call) -> AsyncIterator[pb.CaptureStreamResponse]:
        """One answer for each batch, in their order. What is wrong with one ends nothing; an engine that is away ends the stream."""
        async for request in requests:
            try:
                batch, pause = await self._take(request, call)
            except (InvalidArgument, ResourceExhausted) as error:
                yield pb.CaptureStreamResponse(error=_batch_error(error, call))
                pause = call.charge(0)
            else:
                yield pb.CaptureStreamResponse(receipt=receipt(batch))
            # Over the rate of its key a stream is slowed down: what it doesn't read makes the sender wait.
            if pause:
                await asyncio.sleep(pause.total_seconds())

    async def _take(self, request: EncodedMessage, call: Call) -> tuple[Batch, timedelta]:
        """What became of a batch, once it is durable, and for how long its key is over its rate."""
        batch = await self._decode(request, call)
        pause = call.charge(batch.accepted + batch.duplicates + batch.rejected)
        if batch.rows:
            await self._publish(batch.rows)
            self._recent.remember(call.project.id, batch.event_ids)
        return batch, pause

    async def _decode(self, request: EncodedMessage, call: Call) -> Batch:
        client = self._client_of(call.sender)
        project = call.project
        arrival = Arrival(
            project.id,
            self._now(),
            self._new_event_id,
            client.context,
            project.retention_months,
            self._recent,
            self._erased_in(project.id),
        )
        # CaptureStreamRequest has the fields of CaptureRequest under the same numbers and names, so one decoder reads both.
        admission = (decode_json if request.is_json else decode_protobuf)(request.body, arrival)
        if admission.unidentified:
            await self._visitors.identify(admission, arrival, client.address, client.user_agent)
        return admission.batch()


def _batch_error(error: InvalidArgument | ResourceExhausted, call: Call) -> pb.BatchError:
    failure = failure_of(error, method="CaptureStream", request_id=call.request_id)
    return pb.BatchError(info=failure.info, message=failure.message)
