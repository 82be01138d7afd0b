"""ProfilesService: who is who, and what is known of them."""

import re
import uuid

from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct

from core.errors import DistinctIdInvalid, InvalidArgument, MissingField, PersonNotFound, TieNotFound
from core.person_ids import person_id
from pug.profiles.v1 import profiles_pb2 as pb
from services.capture.placeholders import is_placeholder
from services.capture.rules import COOKIELESS, MAX_NAME
from services.profiles.activity import Activities, Activity
from services.profiles.acts import Identify, Merge, SetTraits, Tie, Unmerge
from services.profiles.repository import Known, ProfilesRepository
from services.profiles.traits import Json, TraitChange, finite, trait_key, traits_of
from services.rpc.call import Call

_DEFAULT_PAGE = 100
_MAX_PAGE = 1_000
_PERSON_ID = re.compile(r"[0-9a-f]{16}")
# The fields of GetPerson in their JSON spelling.
_FIELDS = {"person_id": "personId", "distinct_id": "distinctId", "external_id": "externalId"}
_KINDS = {"identify": pb.Tie.KIND_IDENTIFY, "merge": pb.Tie.KIND_MERGE}


class ProfilesService:
    """The RPCs of `pug.profiles.v1.ProfilesService`."""

    def __init__(self, repository: ProfilesRepository, activities: Activities) -> None:
        self._repository = repository
        self._activities = activities

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
        done = await self._repository.do(call.project.id, Merge(tied, tied_to), call.timeout_s)
        return pb.MergeResponse(merge=_tie(done.tie), person_id=person_id(done.root))

    async def unmerge(self, request: pb.UnmergeRequest, call: Call) -> pb.UnmergeResponse:
        """Take a tie back."""
        try:
            tie_id = uuid.UUID(request.merge_id)
        except ValueError as error:
            raise TieNotFound("That is not the id of a merge.", field="mergeId", hint="ListMerges lists them.") from error
        done = await self._repository.do(call.project.id, Unmerge(tie_id), call.timeout_s)
        return pb.UnmergeResponse(merge=_tie(done.tie), identity_version=done.version)

    async def list_merges(self, request: pb.ListMergesRequest, call: Call) -> pb.ListMergesResponse:
        """A page of ties, newest first."""
        if not 0 <= request.page_size <= _MAX_PAGE:
            raise InvalidArgument(f"A page has 1 to {_MAX_PAGE:,} merges.", field="pageSize", hint=f"0 means {_DEFAULT_PAGE}.")
        if request.page_token and not re.fullmatch(r"[0-9]{1,18}", request.page_token):
            raise InvalidArgument("That is no page token.", field="pageToken", hint="Take it from the page before.")
        size = request.page_size or _DEFAULT_PAGE
        before = int(request.page_token) if request.page_token else None
        found = await self._repository.list_ties(call.project.id, before, size + 1)
        token = str(found[size - 1].version) if len(found) > size else ""
        return pb.ListMergesResponse(merges=[_tie(tie) for tie in found[:size]], next_page_token=token)

    async def get_person(self, request: pb.GetPersonRequest, call: Call) -> pb.GetPersonResponse:
        """What is known of one person."""
        known = await self._find(request, call)
        activity = await self._activities.of(known.distinct_ids, known.root, call) if known else None
        if known is None or (activity is None and not known.external_id and not known.traits and len(known.distinct_ids) == 1):
            raise PersonNotFound(
                "The project knows no such person.", field=_FIELDS.get(request.WhichOneof("by") or "", ""), hint="Check the id."
            )
        return pb.GetPersonResponse(person=_person(known, activity))

    async def _find(self, request: pb.GetPersonRequest, call: Call) -> Known | None:
        project_id = call.project.id
        match request.WhichOneof("by"):
            case "person_id":
                if not _PERSON_ID.fullmatch(request.person_id):
                    return None
                if known := await self._repository.find(project_id, person=request.person_id):
                    return known
                distinct_id = await self._activities.distinct_id_of(request.person_id, call)
                return _anonymous(distinct_id) if distinct_id else None
            case "distinct_id":
                distinct_id = _id(request.distinct_id, "distinctId")
                return await self._repository.find(project_id, distinct_id=distinct_id) or _anonymous(distinct_id)
            case "external_id":
                return await self._repository.find(project_id, distinct_id=_id(request.external_id, "externalId"), external=True)
            case _:
                raise MissingField("Say who.", field="distinctId", hint="Give one of personId, distinctId and externalId.")


def _id(value: str, name: str) -> str:
    """An id of somebody, if it can be one."""
    if not value:
        raise MissingField("An id is needed here.", field=name, hint="Send an id of 1 to 200 characters.")
    if len(value) > MAX_NAME or "\0" in value:
        raise DistinctIdInvalid(f"An id has at most {MAX_NAME} characters, none of them NUL.", field=name, hint="Shorten it, or hash it.")
    if is_placeholder(value):
        raise DistinctIdInvalid("The id is a placeholder, not somebody.", field=name, hint="Send an id of this person or device.")
    if value.startswith(COOKIELESS):
        raise DistinctIdInvalid(
            "Ids of cookieless visitors are another every day and belong to nobody.", field=name, hint="Send an id of this person."
        )
    return value


def _anonymous(distinct_id: str) -> Known:
    return Known(distinct_id, "", (distinct_id,), {})


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
