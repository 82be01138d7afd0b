"""A service that answers, for tests of what is around it."""

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.rpc.call import Call
from services.rpc.service import Unary, snake_case


class EmptyAnswers:
    """Answers every RPC with an empty message, but those a subclass answers otherwise."""

    def __init__(self, descriptor: ServiceDescriptor) -> None:
        for method in descriptor.methods:
            if not hasattr(self, snake_case(method.name)):
                setattr(self, snake_case(method.name), _answer(method))


def _answer(method: MethodDescriptor) -> Unary:
    async def answer(_request: object, _call: Call) -> Message:
        return GetMessageClass(method.output_type)()

    return answer
