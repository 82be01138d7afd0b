"""What can go wrong, one class a reason.

Each class says which Connect and gRPC code it is; the edge (services/rpc) is the only place that turns one into a response. A reason's
machine-readable name is its class name in capitals: `UnknownTimeZone` is `UNKNOWN_TIME_ZONE`.
"""

import re
from datetime import timedelta
from typing import ClassVar

from connectrpc.code import Code


class PugError(Exception):
    """Something the caller can act on."""

    code: ClassVar[Code] = Code.INTERNAL
    reason: ClassVar[str] = "INTERNAL"

    def __init_subclass__(cls) -> None:
        cls.reason = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).upper()

    def __init__(self, message: str, *, field: str = "", hint: str = "", retry_after: timedelta | None = None) -> None:
        """A message for a person; `field` is a path into the request, `hint` the fix, `retry_after` when to come back."""
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint
        self.retry_after = retry_after


class InvalidArgument(PugError):
    """The request can never work as it is."""

    code = Code.INVALID_ARGUMENT


class MalformedRequest(InvalidArgument):
    """The body could not be read as the message it should be."""


class UnknownField(InvalidArgument):
    """The request names a field that doesn't exist."""


class MissingField(InvalidArgument):
    """The request leaves out a field it needs."""


class TooMany(InvalidArgument):
    """The request asks for more of something than is allowed."""


class TooLong(InvalidArgument):
    """The request names something by more characters than any that was sent can have."""


class UnknownTimeZone(InvalidArgument):
    """The time zone is not in the IANA database."""


class RangeMissing(InvalidArgument):
    """The query says no time range."""


class RangeReversed(InvalidArgument):
    """The range ends before it starts."""


class RangeEmpty(InvalidArgument):
    """The range ends where it starts."""


class RangeTooLong(InvalidArgument):
    """The range has more buckets of that granularity than a series may have."""


class FilterInvalid(InvalidArgument):
    """A filter's operator and values don't go together."""


class FormulaInvalid(InvalidArgument):
    """A formula over the letters of series cannot be read."""


class PropertyMissing(InvalidArgument):
    """A metric, filter or breakdown needs a property key."""


class OfAnotherKind(InvalidArgument):
    """The number whose persons are asked for is of another kind of insight than the query."""


class PageTokenInvalid(InvalidArgument):
    """The token doesn't come from a page of the same question."""


class QueryTooComplex(InvalidArgument):
    """The query is so large or so deeply nested that ClickHouse will not read it."""


class Unauthenticated(PugError):
    """There is no credential, or not a good one."""

    code = Code.UNAUTHENTICATED


class CredentialMissing(Unauthenticated):
    """The request has no credential."""


class CredentialInvalid(Unauthenticated):
    """The credential doesn't exist, or no longer works."""


class SecretInUrl(Unauthenticated):
    """A secret key came in a URL, where proxies, logs and histories keep it."""


class ScopeMissing(PugError):
    """The credential may not do this."""

    code = Code.PERMISSION_DENIED


class NotFound(PugError):
    """It isn't there, or belongs to another project: the two look the same."""

    code = Code.NOT_FOUND


class ApiKeyNotFound(NotFound):
    """The project has no such key."""


class PersonNotFound(NotFound):
    """The project knows no such person."""


class TieNotFound(NotFound):
    """The project has no such merge."""


class DistinctIdInvalid(InvalidArgument):
    """The id cannot be somebody's."""


class TraitInvalid(InvalidArgument):
    """A trait cannot be kept or changed like that."""


class FailedPrecondition(PugError):
    """As things are it cannot be done; the request may be good at another time."""

    code = Code.FAILED_PRECONDITION


class AlreadyIdentified(FailedPrecondition):
    """The id belongs to another identified person."""


class AlreadyOnePerson(FailedPrecondition):
    """The ids belong to one person already."""


class AlreadyUnmerged(FailedPrecondition):
    """The merge has been taken back already."""


class ResourceExhausted(PugError):
    """More than is allowed at once."""

    code = Code.RESOURCE_EXHAUSTED


class BatchTooLarge(ResourceExhausted):
    """A batch has too many events or bytes."""


class RateLimited(ResourceExhausted):
    """A key sent more events than it may; later it may again."""


class TooManyRequests(ResourceExhausted):
    """A key, or everybody together, has as many requests under way as are taken at once."""


class TooManyChanges(ResourceExhausted):
    """More changes of a project's people wait than are taken, or for longer than the caller would."""


class TooManyQueries(ResourceExhausted):
    """A project has as many queries waiting as may wait, or one has waited for as long as its caller would."""


class QueryTooExpensive(ResourceExhausted):
    """The query went over its limit of time or memory."""


class TooManyEvents(ResourceExhausted):
    """Somebody did more than can be looked through one by one."""


class Unavailable(PugError):
    """An engine doesn't answer; the same request may work later."""

    code = Code.UNAVAILABLE


class StreamUnavailable(Unavailable):
    """JetStream did not take the events: none of the batch was accepted."""


class BucketUnavailable(Unavailable):
    """JetStream does not answer for a key-value bucket."""


class SaltUnavailable(Unavailable):
    """The salt that cookieless visitors are told apart by cannot be read: none of the batch was accepted."""


class StreamFull(StreamUnavailable):
    """JetStream holds as much as it may until the worker has stored some of it: none of the batch was accepted."""


class StoreUnavailable(Unavailable):
    """ClickHouse or PostgreSQL doesn't answer."""


class RowsUnreadable(PugError):
    """ClickHouse cannot read rows that were to be inserted, and never will."""

    code = Code.INVALID_ARGUMENT


class StoreFailed(PugError):
    """ClickHouse answered with an error nobody foresaw."""


class DeliveryBroken(PugError):
    """JetStream's deliveries have a gap: what was lost on the way has to be asked for anew."""

    code = Code.DATA_LOSS


class SettingsInvalid(PugError):
    """A setting cannot be used as it is."""

    code = Code.FAILED_PRECONDITION
