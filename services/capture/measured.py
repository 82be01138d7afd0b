"""A capture service whose answers are counted."""

from collections.abc import AsyncIterator

from pug.capture.v1 import capture_pb2 as pb
from services.capture.metrics import CaptureMetrics
from services.capture.service import CaptureService
from services.rpc.call import Call
from services.rpc.observing import code_of
from services.rpc.service import EncodedMessage


class MeasuredCapture:
    """Answers as the service within does."""

    def __init__(self, service: CaptureService, metrics: CaptureMetrics) -> None:
        self._service = service
        self._metrics = metrics

    async def capture(self, request: EncodedMessage, call: Call) -> pb.CaptureResponse:
        """The receipt of a batch."""
        try:
            receipt = await self._service.capture(request, call)
        except BaseException as error:
            self._metrics.failed(code_of(error))
            raise
        self._metrics.answered(receipt)
        return receipt

    async def capture_stream(self, requests: AsyncIterator[EncodedMessage], call: Call) -> AsyncIterator[pb.CaptureStreamResponse]:
        """One receipt for each batch, in their order."""
        try:
            async for response in self._service.capture_stream(requests, call):
                self._metrics.answered(response.receipt)
                yield response
        except Exception as error:
            self._metrics.failed(code_of(error))
            raise
