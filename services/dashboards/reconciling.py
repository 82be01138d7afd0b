"""Works out what has to change for a dashboard to have the tiles it is told to have."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from core.errors import InvalidArgument, NameTaken
from pug.dashboards.v1.tile_pb2 import Tile
from services.dashboards.documents import Document, read, written
from services.dashboards.ids import no_tile, uuid_of


@dataclass(frozen=True, slots=True)
class KeptTile:
    """A tile as it is kept: without its id inside."""

    id: UUID
    place: int
    document: Document

    @property
    def tile(self) -> Tile:
        """The tile as it is shown."""
        tile = read(self.document, Tile())
        tile.id = str(self.id)
        return tile

    @property
    def saved_insight_id(self) -> UUID | None:
        """The saved insight it names."""
        return UUID(named) if (named := self.tile.saved_insight_id) else None

    def is_like(self, other: "KeptTile") -> bool:
        """Whether both are the same tile at the same place; their JSON may differ in how numbers are written."""
        return self.place == other.place and self.tile == other.tile


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The tiles there are to be, and how they differ from those there are."""

    tiles: tuple[KeptTile, ...]
    added: tuple[KeptTile, ...]
    # Those that only change places, too.
    changed: tuple[KeptTile, ...]
    deleted: tuple[KeptTile, ...]

    @property
    def is_the_same(self) -> bool:
        """Whether nothing has to change."""
        return not (self.added or self.changed or self.deleted)


def reconciled(kept: Sequence[KeptTile], asked: Sequence[Tile], new_id: Callable[[], UUID], field: str = "tiles") -> Reconciled:
    """The whole set: a tile without id is new, one that is not asked for is deleted; `field` is the path of those asked for.

    Raises TileNotFound for an id no tile has: a tile that somebody else deleted meanwhile doesn't come back.
    """
    known = {each.id: each for each in kept}
    _check_ids(asked, known, field)
    _check_names(asked, field)
    tiles = tuple(
        KeptTile(UUID(tile.id) if tile.id else new_id(), place, document_of(tile, f"{field}[{place}]")) for place, tile in enumerate(asked)
    )
    wanted = {each.id for each in tiles}
    return Reconciled(
        tiles,
        added=tuple(each for each in tiles if each.id not in known),
        changed=tuple(each for each in tiles if each.id in known and not each.is_like(known[each.id])),
        deleted=tuple(each for each in kept if each.id not in wanted),
    )


def document_of(tile: Tile, field: str) -> Document:
    """The tile as it is kept."""
    document = written(tile, field)
    document.pop("id", None)
    return document


def _check_ids(asked: Sequence[Tile], known: Mapping[UUID, KeptTile], field: str) -> None:
    seen: set[UUID] = set()
    for place, tile in enumerate(asked):
        if not tile.id:
            continue
        path = f"{field}[{place}].id"
        tile_id = uuid_of(tile.id, no_tile(path))
        if tile_id in seen:
            raise InvalidArgument(
                "Another tile of the request has the same id.", field=path, hint="A copy is a new tile: leave its id out."
            )
        if tile_id not in known:
            raise no_tile(path)
        seen.add(tile_id)


def _check_names(asked: Sequence[Tile], field: str) -> None:
    seen: set[str] = set()
    for place, tile in enumerate(asked):
        name = tile.name.casefold()
        if name and name in seen:
            raise NameTaken(f"Another tile is called {tile.name!r}.", field=f"{field}[{place}].name", hint="Call it something else.")
        seen.add(name)
