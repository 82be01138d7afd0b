"""ProfilesService: who is who, and what is known of them."""

import re
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing

from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct

from core.errors import DistinctIdInvalid, InvalidArgument, MissingField, PersonNotFound, TieNotFound
from core.person_ids import person_id
from pug.profiles.v1 import erasure_pb2
from pug.profiles.v1 import profiles_pb2 as pb
from pug.profiles.v1.data_export_pb2 import ExportDataSubjectRequest, ExportDataSubjectResponse
from services.capture.placeholders import is_placeholder
from services.capture.rules import COOKIELESS, MAX_NAME
from services.insights.turns import AtOnce, Turns
from services.profiles.activity import Activity
from services.profiles.acts import Identify, Merge, SetTraits, Tie, Unmerge
from services.profiles.directory import Known
from services.profiles.erasures import Erasures
from services.profiles.events import Moment, moment_of
from services.profiles.exporting.exports import Exports
from services.profiles.finding import Place
from services.profiles.reader import Reader, anonymous
from services.profiles.repository import ProfilesRepository
from services.profiles.traits import Json, TraitChange, finite, trait_key, traits_of
from services.rpc.call import Call
from services.rpc.pages import Page, page_size, place_of, token_of

# Requests that name a person.
Named = pb.GetPersonRequest | pb.ListPersonEventsRequest | ExportDataSubjectRequest
_Missed = Named | erasure_pb2.EraseDataSubjectRequest

_PERSON_ID = re.compile(r"[0-9a-f]{16}")
# The fields of GetPerson in their JSON spelling.
_FIELDS = {"person_id": "personId", "distinct_id": "distinctId", "external_id": "externalId"}
_KINDS = {"identify": pb.Tie.KIND_IDENTIFY, "merge": pb.Tie.KIND_MERGE}


class ProfilesService:
    """The RPCs of `pug.profiles.v1.ProfilesService`."""

    def __init__(
        self, repository: ProfilesRepository, reader: Reader, erasures: Erasures, exports: Exports, turns: Turns | None = None
    ) -> None:
        """What reads events takes its turn with the queries of the project that `turns` knows of."""
        self._repository = repository
        self._reader = reader
        self._erasures = erasures
        self._exports = exports
        self._turns = turns or Turns(AtOnce())
        self.get_erasure = erasures.get_erasure
        self.list_erasures = erasures.list_erasures
        self.get_certificate_key = erasures.get_certificate_key

    async def identify(self, request: pb.IdentifyRequest, call: Call) -> pb.IdentifyResponse:
        """Tie an anonymous id to the person known by an external id."""
        distinct_id, external_id = _id(request.distinct_id, "distinctId"), _id(request.external_id, "externalId")
        change = TraitChange(set=traits_of(request.traits, "traits"))
        done = await self._repository.do(call.project.id, Identify(distinct_id, external_id, change), call.timeout_s)
        return pb.IdentifyResponse(person_id=person_id(done.root), identity_version=done.version)

    async def set_traits(self, request: pb.SetTraitsRequest, call: Call) -> pb.SetTraitsResponse:
        """Change what is known of a person."""
        change = TraitChange(
            set=traits_of(request.set, "set"),
            set_once=traits_of(request.set_once, "setOnce"),
            unset=tuple(trait_key(key, "unset") for key in request.unset),
            increment={trait_key(key, "increment"): finite(key, by) for key, by in request.increment.items()},
        )
        if not change:
            raise MissingField("The call changes nothing.", field="set", hint="Give set, setOnce, unset or increment.")
        act = SetTraits(_id(request.distinct_id, "distinctId"), change)
        done = await self._repository.do(call.project.id, act, call.timeout_s)
        return pb.SetTraitsResponse(person_id=person_id(done.root), traits=_struct(done.traits), identity_version=done.version)

    async def merge(self, request: pb.MergeRequest, call: Call) -> pb.MergeResponse:
        """Make two persons one."""
        tied, tied_to = _id(getattr(request, "from"), "from"), _id(request.into, "into")
        done = await self._repository.do(call.project.id, Merge(tied, tied_to, call), call.timeout_s)
        return pb.MergeResponse(merge=_tie(done.tie), person_id=person_id(done.root))

    async def unmerge(self, request: pb.UnmergeRequest, call: Call) -> pb.UnmergeResponse:
        """Take a tie back."""
        try:
            tie_id = uuid.UUID(request.merge_id)
        except ValueError as error:
            raise TieNotFound("That is not the id of a merge.", field="mergeId", hint="ListMerges lists them.") from error
        done = await self._repository.do(call.project.id, Unmerge(tie_id, call), call.timeout_s)
        return pb.UnmergeResponse(merge=_tie(done.tie), identity_version=done.version)

    async def list_merges(self, request: pb.ListMergesRequest, call: Call) -> pb.ListMergesResponse:
        """A page of ties, newest first."""
        size = page_size(request.page_size)
        if request.page_token and not re.fullmatch(r"[0-9]{1,18}", request.page_token):
            raise InvalidArgument("That is no page token.", field="pageToken", hint="Take it from the page before.")
        before = int(request.page_token) if request.page_token else None
        found = await self._repository.list_ties(call.project.id, before, size + 1)
        token = str(found[size - 1].version) if len(found) > size else ""
        return pb.ListMergesResponse(merges=[_tie(tie) for tie in found[:size]], next_page_token=token)

    async def get_person(self, request: pb.GetPersonRequest, call: Call) -> pb.GetPersonResponse:
        """What is known of one person."""
        return pb.GetPersonResponse(person=_person(*await self._somebody(request, call)))

    async def export_data_subject(self, request: ExportDataSubjectRequest, call: Call) -> AsyncGenerator[ExportDataSubjectResponse]:
        """Everything that is held about one person."""
        async with aclosing(self._exports.export(*await self._somebody(request, call), call)) as steps:
            async for step in steps:
                yield step

    async def list_persons(self, request: pb.ListPersonsRequest, call: Call) -> pb.ListPersonsResponse:
        """A page of persons, who was seen last first."""
        size, after = page_size(request.page_size), place_of(request.page_token, _place)
        async with self._turns.turn(call) as turn:
            page = await self._reader.find(request, after, size, turn)
        token = token_of(*_parts(page.entries[-1][0])) if page.more else ""
        persons = [_person(known, activity) for _, known, activity in page.entries]
        return pb.ListPersonsResponse(persons=persons, next_page_token=token)

    async def list_person_events(self, request: pb.ListPersonEventsRequest, call: Call) -> pb.ListPersonEventsResponse:
        """A page of what one person did, newest first."""
        size, after = page_size(request.page_size), place_of(request.page_token, _moment)
        known = await self._known(request, call)
        if known is None:
            raise _not_found(request)
        async with self._turns.turn(call) as turn:
            page = await self._reader.events_of(known, request.filter, after, size, turn)
        return pb.ListPersonEventsResponse(events=page.entries, next_page_token=_next_page(page))

    async def list_events(self, request: pb.ListEventsRequest, call: Call) -> pb.ListEventsResponse:
        """A page of the project's events, newest first."""
        size, after = page_size(request.page_size), place_of(request.page_token, _moment)
        async with self._turns.turn(call) as turn:
            page = await self._reader.events(request.filter, after, size, turn)
        return pb.ListEventsResponse(events=page.entries, next_page_token=_next_page(page))

    async def erase_data_subject(self, request: erasure_pb2.EraseDataSubjectRequest, call: Call) -> erasure_pb2.EraseDataSubjectResponse:
        """The erasure of a person: the one there is, or a new one."""
        named = await self._named(request, call)
        erasure = await self._erasures.erase(named, call) if named else None
        if erasure is None:
            raise _not_found(request)
        return erasure_pb2.EraseDataSubjectResponse(erasure=erasure)

    async def _named(self, request: erasure_pb2.EraseDataSubjectRequest, call: Call) -> str | None:
        """A distinct id of who is to be erased; None of a person nobody knows."""
        match request.WhichOneof("by"):
            case "person_id" if _PERSON_ID.fullmatch(request.person_id):
                known = await self._reader.by_person_id(request.person_id, call)
                return known.root if known else await self._erasures.id_of_person(request.person_id, call)
            case "person_id":
                return None
            case "distinct_id":
                return _id(request.distinct_id, "distinctId", cookieless=True)
            case "external_id":
                # Events may have come with it, too, before anybody was identified by it.
                return _id(request.external_id, "externalId")
            case _:
                raise _nobody()

    async def _somebody(self, request: pb.GetPersonRequest | ExportDataSubjectRequest, call: Call) -> tuple[Known, Activity | None]:
        """Who is named, if anything is known of them, and what they did."""
        known = await self._known(request, call)
        async with self._turns.turn(call) as turn:
            activity = await self._reader.activity_of(known, turn) if known else None
        if known is None or (activity is None and not known.external_id and not known.traits and len(known.distinct_ids) == 1):
            raise _not_found(request)
        return known, activity

    async def _known(self, request: Named, call: Call) -> Known | None:
        match request.WhichOneof("by"):
            case "person_id":
                return await self._reader.by_person_id(request.person_id, call) if _PERSON_ID.fullmatch(request.person_id) else None
            case "distinct_id":
                distinct_id = _id(request.distinct_id, "distinctId")
                return await self._reader.by_distinct_id(distinct_id, call) or anonymous(distinct_id)
            case "external_id":
                return await self._reader.by_external_id(_id(request.external_id, "externalId"), call)
            case _:
                raise _nobody()


def _nobody() -> MissingField:
    return MissingField("Say who.", field="distinctId", hint="Give one of personId, distinctId and externalId.")


def _not_found(request: _Missed) -> PersonNotFound:
    return PersonNotFound("The project knows no such person.", field=_FIELDS.get(request.WhichOneof("by") or "", ""), hint="Check the id.")


def _place(parts: list[object]) -> Place:
    match parts:
        case [int() | None as last_ms, int() as person] if 0 <= person < 2**64 and -(2**43) < (last_ms or 0) < 2**44:
            return Place(last_ms, person)
        case _:
            raise ValueError(parts)


def _parts(place: Place) -> tuple[int | None, int]:
    return place.last_ms, place.person


def _moment(parts: list[object]) -> Moment:
    match parts:
        case [int() as occurred_ms, str() as event_id] if -(2**43) < occurred_ms < 2**44:
            return Moment(occurred_ms, str(uuid.UUID(event_id)))
        case _:
            raise ValueError(parts)


def _next_page(page: Page[pb.Event]) -> str:
    if not page.more:
        return ""
    last = moment_of(page.entries[-1])
    return token_of(last.occurred_ms, last.event_id)


def _id(value: str, name: str, *, cookieless: bool = False) -> str:
    """An id of somebody, if it can be one; a `cookieless` visitor's only where it says so."""
    if not value:
        raise MissingField("An id is needed here.", field=name, hint="Send an id of 1 to 200 characters.")
    if len(value) > MAX_NAME or "\0" in value:
        raise DistinctIdInvalid(f"An id has at most {MAX_NAME} characters, none of them NUL.", field=name, hint="Shorten it, or hash it.")
    if is_placeholder(value):
        raise DistinctIdInvalid("The id is a placeholder, not somebody.", field=name, hint="Send an id of this person or device.")
    if value.startswith(COOKIELESS) and not cookieless:
        raise DistinctIdInvalid(
            "Ids of cookieless visitors are another every day and belong to nobody.", field=name, hint="Send an id of this person."
        )
    return value


def _person(known: Known, activity: Activity | None) -> pb.Person:
    person = pb.Person(
        id=person_id(known.root), external_id=known.external_id, distinct_ids=known.distinct_ids, traits=_struct(known.traits)
    )
    if activity:
        person.activity.CopyFrom(
            pb.Activity(
                first_seen=activity.first_seen,
                last_seen=activity.last_seen,
                events=activity.events,
                sessions=activity.sessions,
                page_views=activity.page_views,
                latest=activity.latest,
            )
        )
    return person


def _tie(tie: Tie) -> pb.Tie:
    return pb.Tie(
        id=tie.id,
        kind=_KINDS[tie.kind],
        into=tie.tied_to,
        identity_version=tie.version,
        created_at=tie.created_at,
        unmerged_at=tie.undone_at,
        **{"from": tie.tied},
    )


def _struct(traits: Json) -> Struct:
    return ParseDict(dict(traits), Struct())
