import re
from pathlib import Path

import pytest

from core.settings import Settings

EXAMPLE = Path(__file__).parent.parent.parent / ".env.example"


def test_every_setting_is_documented_in_the_example_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    documented = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
    names = {str(field.validation_alias or f"PUG_{name.upper()}") for name, field in Settings.model_fields.items()}
    for name in documented:
        monkeypatch.delenv(name, raising=False)

    from_example = Settings(_env_file=EXAMPLE)  # pyright: ignore[reportCallIssue] (pydantic-settings adds the parameter at run time)

    assert set(documented) == names
    assert from_example == Settings(_env_file=None)  # pyright: ignore[reportCallIssue] (as above)


def test_urls_which_may_hold_passwords_never_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_URL", "postgresql+psycopg://pug:hunter2@db/pug")

    settings = Settings()

    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()
