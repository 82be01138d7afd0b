"""`pug dead`: list, show, replay and drop dead letters."""

import asyncio
import sys
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress

from app.cli.client import CliError, UsageError, read_settings, told_in_one_line
from app.cli.dead.letters import DeadLetter
from app.cli.dead.rendering import Fate, fates_table, head_json, letter_json, letter_text, letters_table, totals_line
from app.cli.output import AsJson, data_console, note, print_json, print_table
from core.errors import PugError
from core.telemetry import configure_logs
from core.words import counted

if TYPE_CHECKING:
    from app.cli.dead.stream import DeadLetters, Totals

T = TypeVar("T")
Fates = list[tuple[int, DeadLetter | None, Fate]]

_LAST_ID = 2**63 - 1
_HELP = "Look at what could never be stored, send it again, or drop it. Works beside a running Pug, and without one."

app = typer.Typer(no_args_is_help=True, help=_HELP)

Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID]…", min=1, max=_LAST_ID, help="Which ones, by their id in `pug dead list`.")]
All = Annotated[bool, typer.Option("--all", help="All there are now.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Only those whose reason contains this text.")]


@app.callback()
def dead() -> None:
    """Look at what could never be stored, send it again, or drop it."""


@app.command("list", epilog="Examples:  pug dead list   ·   pug dead list --reason 'Cannot parse' --json")
@told_in_one_line()
def list_letters(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """List the dead letters, newest first."""
    letters, totals = _run(lambda dead: _newest(dead, limit, reason))
    if as_json:
        print_json([head_json(letter) for letter in letters])
    elif not totals.letters:
        data_console().print("No dead letters: all that was accepted could be stored.")
    else:
        print_table(letters_table(letters))
        data_console().print(totals_line(totals, len(letters)), style="dim", markup=False)


@app.command(epilog="Examples:  pug dead show 12   ·   pug dead show 12 --raw > letter.ndjson")
@told_in_one_line()
def show(
    *,
    letter_id: Annotated[int, typer.Argument(metavar="ID", min=1, max=_LAST_ID, help="The letter's id in `pug dead list`.")],
    raw: Annotated[bool, typer.Option("--raw", help="Write the original bytes to stdout, exactly, and nothing else.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Show all of it, however long.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a dead letter: its headers, and its rows or, where there are none, its bytes."""
    if raw and as_json:
        raise UsageError("--raw and --json exclude each other.", "Give one of them.")
    letter = _run(lambda dead: dead.read(letter_id))
    if letter is None:
        raise _not_found([letter_id])
    if raw:
        typer.echo(letter.content, nl=False)
    elif as_json:
        print_json(letter_json(letter))
    else:
        typer.echo(letter_text(letter, full=full), nl=False)


@app.command(epilog="Examples:  pug dead replay 12 13   ·   pug dead replay --all --reason 'Memory limit'")
@told_in_one_line()
def replay(*, ids: Ids = None, all_: All = False, reason: Reason = "", as_json: AsJson = False) -> None:
    """Send dead letters back to the stream they came from, and delete them once JetStream holds them there.

    Doing it twice is harmless: an event id counts once.
    """
    _check_choice(ids, all_, reason)

    async def replay_chosen(dead: "DeadLetters", fates: Fates) -> None:
        for letter_id in _tracked(await _chosen(dead, ids, reason), "Replaying"):
            letter = await dead.read(letter_id)
            fates.append((letter_id, letter, await _replay(dead, letter) if letter else Fate.NOT_FOUND))

    _act(replay_chosen, "What cannot be stored this time either comes back under a new id: look again in a moment.", as_json=as_json)


@app.command(epilog="Examples:  pug dead drop 12   ·   pug dead drop --all --reason 'Cannot parse' --yes")
@told_in_one_line()
def drop(
    *,
    ids: Ids = None,
    all_: All = False,
    reason: Reason = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete dead letters for good. Asks before it does."""
    _check_choice(ids, all_, reason)
    if not yes and not sys.stdin.isatty():
        raise UsageError("This deletes for good, and there is no terminal to ask on.", "Add --yes if it is meant so.")

    async def drop_chosen(dead: "DeadLetters", fates: Fates) -> None:
        chosen = await _chosen(dead, ids, reason)
        if chosen and not yes:
            _confirm(len(chosen))
        for letter_id in _tracked(chosen, "Dropping"):
            letter = await dead.read(letter_id)
            dropped = letter is not None and await dead.delete(letter_id)
            fates.append((letter_id, letter, Fate.DROPPED if dropped else Fate.NOT_FOUND))

    _act(drop_chosen, "", as_json=as_json)


def _check_choice(ids: Sequence[int] | None, all_: bool, reason: str) -> None:  # noqa: FBT001 (as typer gave it)
    if bool(ids) == all_:
        raise UsageError("Say which: either ids, or --all.", "`pug dead list` shows the ids.")
    if reason and not all_:
        raise UsageError("--reason narrows --all, and there are ids.", "Give --all --reason TEXT, or ids alone.")


def _run(ask: "Callable[[DeadLetters], Awaitable[T]]") -> T:
    async def run() -> T:
        async with _opened() as dead:
            return await ask(dead)

    return asyncio.run(run())


@asynccontextmanager
async def _opened() -> "AsyncGenerator[DeadLetters]":
    from app.attaching import attach_nats  # noqa: PLC0415 (loads the engines' drivers, which other commands need not wait for)
    from app.cli.dead.stream import DeadLetters  # noqa: PLC0415 (as above)

    settings = read_settings()
    configure_logs(settings.log_format, "critical")
    async with attach_nats(settings) as connection:
        yield DeadLetters(connection.jetstream())


async def _newest(dead: "DeadLetters", limit: int, reason: str) -> "tuple[list[DeadLetter], Totals]":
    totals = await dead.totals()
    heads = deque([head async for head in dead.heads() if head.is_about(reason)], limit)
    # Only those that are shown are read whole: each may have megabytes. One may have gone meanwhile.
    letters = [await dead.read(head.id) for head in reversed(heads)]
    return [letter for letter in letters if letter], totals


async def _chosen(dead: "DeadLetters", ids: Sequence[int] | None, reason: str) -> list[int]:
    """The ids that were given; else those of all letters there are now, so that one that comes back is not met again."""
    return list(dict.fromkeys(ids)) if ids else [head.id async for head in dead.heads() if head.is_about(reason)]


async def _replay(dead: "DeadLetters", letter: DeadLetter) -> Fate:
    new = await dead.send_back(letter)
    await dead.delete(letter.id)
    return Fate.REPLAYED if new else Fate.REPLAYED_BEFORE


def _tracked(ids: Sequence[int], doing: str) -> Iterable[int]:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        yield from progress.track(ids, description=doing)


def _confirm(count: int) -> None:
    if not typer.confirm(f"Delete {counted(count, 'dead letter')} for good?", err=True):
        raise CliError("Nothing was dropped.")


def _act(act: "Callable[[DeadLetters, Fates], Awaitable[None]]", afterwards: str, *, as_json: bool) -> None:
    """Do it and say what became of each letter, also of those before one that failed: they are not here any more."""
    fates: Fates = []
    try:
        _run(lambda dead: act(dead, fates))
    except PugError:
        if fates:
            _tell(fates, as_json=as_json)
        raise
    _tell(fates, as_json=as_json)
    missing = [letter_id for letter_id, _, fate in fates if fate is Fate.NOT_FOUND]
    if afterwards and len(missing) < len(fates):
        note(afterwards)
    if missing:
        raise _not_found(missing)


def _tell(fates: Fates, *, as_json: bool) -> None:
    if as_json:
        print_json([{"id": letter_id, "fate": fate.name.lower()} for letter_id, _, fate in fates])
        return
    if fates:
        print_table(fates_table(fates))
    done = sum(fate is not Fate.NOT_FOUND for _, _, fate in fates)
    data_console().print(f"{done:,} of {len(fates):,} done" if fates else "There is none of these.", style="dim", markup=False)


def _not_found(ids: Sequence[int]) -> CliError:
    which = ", ".join(map(str, ids))
    return CliError(f"There is no dead letter {which}.", "`pug dead list` shows those there are.")
