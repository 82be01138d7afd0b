"""CaptureService: decodes, validates, and answers once the events are durable."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

from pug.capture.v1 import capture_pb2 as pb
from services.capture.batch import Arrival, Batch, receipt
from services.capture.cookieless.visitors import Visitors
from services.capture.json_batch import decode_json
from services.capture.protobuf_batch import decode_protobuf
from services.rpc.call import Call
from services.rpc.service import EncodedMessage


class CaptureService:
    """Takes events in."""

    def __init__(
        self,
        publish: Callable[[bytes], Awaitable[None]],
        now: Callable[[], datetime],
        new_event_id: Callable[[], str],
        visitors: Visitors,
    ) -> None:
        """`publish` returns once the rows it is given are durable; `visitors` knows whose cookieless events are."""
        self._publish = publish
        self._now = now
        self._new_event_id = new_event_id
        self._visitors = visitors

    async def capture(self, request: EncodedMessage, call: Call) -> pb.CaptureResponse:
        """The receipt of a batch, given when JetStream holds what was accepted."""
        batch = await self._decode(request, call)
        if batch.rows:
            await self._publish(batch.rows)
        return receipt(batch)

    async def capture_stream(self, requests: AsyncIterator[EncodedMessage], call: Call) -> AsyncIterator[pb.CaptureStreamResponse]:
        """One receipt for each batch, in their order."""
        async for request in requests:
            yield pb.CaptureStreamResponse(receipt=await self.capture(request, call))

    async def _decode(self, request: EncodedMessage, call: Call) -> Batch:
        arrival = Arrival(call.project.id, self._now(), self._new_event_id)
        # CaptureStreamRequest has the fields of CaptureRequest under the same numbers and names, so one decoder reads both.
        admission = (decode_json if request.is_json else decode_protobuf)(request.body, arrival)
        if admission.unidentified:
            await self._visitors.identify(admission, arrival, *_client(call))
        return admission.batch()


def _client(call: Call) -> tuple[str, str]:
    """The address and the user agent that cookieless visitors are told apart by."""
    return call.sender.peer, call.sender.headers.get("user-agent", "")
