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


class NotConfirmed(InvalidArgument):
    """What cannot be taken back has to be confirmed."""


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


class EmailInvalid(InvalidArgument):
    """The text cannot be an address that mail is sent to."""


class PasswordInvalid(InvalidArgument):
    """A new password is too short or too long."""


class PasswordWrong(InvalidArgument):
    """The password so far, which is needed to change it, is another."""


class LinkInvalid(InvalidArgument):
    """The link was used, was replaced by a newer one, has expired, or never was."""


class NameTaken(InvalidArgument):
    """Two have the same name where each has to have its own."""


class TileInvalid(InvalidArgument):
    """A tile cannot be drawn like that."""


class CertificateInvalid(InvalidArgument):
    """A certificate is not as it was signed, or not signed by the key it has to be."""


class FormatUnknown(InvalidArgument):
    """A board is written down in a form this version cannot read."""


class QueryTooComplex(InvalidArgument):
    """The query is so large or so deeply nested that ClickHouse will not read it, or its patterns take long to compile."""


class Unauthenticated(PugError):
    """There is no credential, or not a good one."""

    code = Code.UNAUTHENTICATED


class CredentialMissing(Unauthenticated):
    """The request has no credential."""


class CredentialInvalid(Unauthenticated):
    """The credential doesn't exist, or no longer works."""


class SecretInUrl(Unauthenticated):
    """A secret key came in a URL, where proxies, logs and histories keep it."""


class SignInFailed(Unauthenticated):
    """Address and password don't go together: whether there is such an account is not said."""


class SessionEnded(Unauthenticated):
    """The refresh token was used, has expired, or belongs to a session that has ended."""


class OidcFailed(Unauthenticated):
    """The provider, or whoever claims to come from it, didn't show who signs in."""


class ScopeMissing(PugError):
    """The credential may not do this."""

    code = Code.PERMISSION_DENIED


class WindowNotYours(PugError):
    """Who was shown a dashboard may not choose its window."""

    code = Code.PERMISSION_DENIED


class NotFound(PugError):
    """It isn't there, or belongs to another project: the two look the same."""

    code = Code.NOT_FOUND


class ApiKeyNotFound(NotFound):
    """The project has no such key."""


class ProjectNotFound(NotFound):
    """There is no such project, or its org is one the caller isn't a member of."""


class OrgNotFound(NotFound):
    """There is no such org, or the caller isn't a member of it."""


class MemberNotFound(NotFound):
    """The org has no such member."""


class InvitationNotFound(NotFound):
    """There is no such invitation, or none any more."""


class SessionNotFound(NotFound):
    """The account has no such session."""


class PersonNotFound(NotFound):
    """The project knows no such person."""


class TieNotFound(NotFound):
    """The project has no such merge."""


class DashboardNotFound(NotFound):
    """The project has no such dashboard."""


class TileNotFound(NotFound):
    """The dashboard has no such tile."""


class SavedInsightNotFound(NotFound):
    """The project has no such saved insight."""


class ErasureNotFound(NotFound):
    """The project has no such erasure."""


class DistinctIdInvalid(InvalidArgument):
    """The id cannot be somebody's."""


class TraitInvalid(InvalidArgument):
    """A trait cannot be kept or changed like that."""


class AlreadyExists(PugError):
    """There is one already, and can be only one."""

    code = Code.ALREADY_EXISTS


class EmailTaken(AlreadyExists):
    """Somebody has signed up with the address."""


class ProjectNameTaken(AlreadyExists):
    """The org has a project of the name."""


class AlreadyMember(AlreadyExists):
    """The address is in the org already."""


class FailedPrecondition(PugError):
    """As things are it cannot be done; the request may be good at another time."""

    code = Code.FAILED_PRECONDITION


class SignUpClosed(FailedPrecondition):
    """The server makes no account for whoever asks."""


class OidcDisabled(FailedPrecondition):
    """The server has no OpenID Connect provider."""


class EmailUnverified(FailedPrecondition):
    """The provider doesn't vouch for the address."""


class LastOwner(FailedPrecondition):
    """An org would be left without an owner."""


class InvitationExpired(FailedPrecondition):
    """The link was sent too long ago."""


class AlreadyIdentified(FailedPrecondition):
    """The id belongs to another identified person."""


class AlreadyOnePerson(FailedPrecondition):
    """The ids belong to one person already."""


class AlreadyUnmerged(FailedPrecondition):
    """The merge has been taken back already."""


class Erased(FailedPrecondition):
    """The id is one of a person who was erased, or is being erased."""


class SavedInsightInUse(FailedPrecondition):
    """The saved insight stands on dashboards that could not do without it as it is."""


class VersionConflict(PugError):
    """Somebody else changed it since it was read."""

    code = Code.ABORTED


class ResourceExhausted(PugError):
    """More than is allowed at once."""

    code = Code.RESOURCE_EXHAUSTED


class BatchTooLarge(ResourceExhausted):
    """A batch has too many events or bytes."""


class RateLimited(ResourceExhausted):
    """A key sent more events than it may, or an address called more often; later it may again."""


class QuotaReached(ResourceExhausted):
    """There are as many of something as there may be."""


class TooManyInvitations(ResourceExhausted):
    """An address was invited too often within a day."""


class TooManyAttempts(ResourceExhausted):
    """So many attempts to sign in were made that it could be guessing; later there may be more."""


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


class OidcUnavailable(Unavailable):
    """The OpenID Connect provider doesn't answer, or not as one would."""


class MailUnavailable(Unavailable):
    """The mail server didn't take a mail."""


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


class ErasureIncomplete(PugError):
    """Something of who was to be erased is there still."""


class DeliveryBroken(PugError):
    """JetStream's deliveries have a gap: what was lost on the way has to be asked for anew."""

    code = Code.DATA_LOSS


class SettingsInvalid(PugError):
    """A setting cannot be used as it is."""

    code = Code.FAILED_PRECONDITION


class SchemaOlder(PugError):
    """The engines' schema is older than this version of Pug."""

    code = Code.FAILED_PRECONDITION


class SchemaNewer(PugError):
    """The engines' schema is newer than this version of Pug."""

    code = Code.FAILED_PRECONDITION


class BackupInvalid(PugError):
    """A backup cannot be made or restored as asked."""

    code = Code.FAILED_PRECONDITION
