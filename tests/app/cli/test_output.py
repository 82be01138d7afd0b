"""What anybody may have sent acts on no operator's terminal."""

import json

import pytest

from app.cli.output import note, print_message, print_table, table
from pug.insights.v1.insights_pb2 import GetSchemaResponse

# Sets a window's title, clears the screen, turns the direction of text, and is bold in rich's own words.
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b2J\u202egnp.exe [bold]x\r\x00"
ACTS = ("\x1b", "\x9b", "\x07", "\u202e", "\r", "\x00")


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_a_cell_of_a_table_is_shown_and_does_not_act(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(table(("name",), [(HOSTILE,)]))

    written = shown(capsys)
    assert not any(act in written for act in ACTS)
    assert "owned" in written
    assert "[bold]x" in written


def test_a_note_is_shown_and_does_not_act_but_may_have_several_lines(capsys: pytest.CaptureFixture[str]) -> None:
    note(f"first\nsecond {HOSTILE}")

    written = shown(capsys)
    assert not any(act in written for act in ACTS)
    assert written.startswith("first\nsecond ")


def test_a_message_as_json_is_the_same_for_a_machine_and_does_not_act(capsys: pytest.CaptureFixture[str]) -> None:
    print_message(GetSchemaResponse(events=[GetSchemaResponse.Event(name=HOSTILE)]))

    written = shown(capsys)
    assert not any(act in written for act in ACTS)
    assert json.loads(written)["events"][0]["name"] == HOSTILE
