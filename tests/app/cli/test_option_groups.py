from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from app.cli.option_groups import with_option_groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    colour: Annotated[str, typer.Option(help="Which colour.")] = "red"
    coats: Annotated[list[int] | None, typer.Option("--coat", help="How thick.")] = None


def painter() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @with_option_groups
    def paint(*, wall: Annotated[str, typer.Argument()], paint: Paint) -> None:  # pyright: ignore[reportUnusedFunction] (typer's)
        typer.echo(f"{wall} {paint.colour} {paint.coats}")

    return app


def test_a_group_of_options_reaches_the_command_as_one_value() -> None:
    given = CliRunner().invoke(painter(), ["north", "--colour", "blue", "--coat", "1", "--coat", "2"])
    left_out = CliRunner().invoke(painter(), ["north"])

    assert given.output == "north blue [1, 2]\n"
    assert left_out.output == "north red None\n"


def test_help_shows_each_option_of_a_group() -> None:
    shown = CliRunner().invoke(painter(), ["--help"]).output

    assert "--colour" in shown
    assert "How thick." in shown
