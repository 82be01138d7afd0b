from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from pug_process import PugProcess

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def pug(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PugProcess]:
    """A running Pug that only sees what the command line sends it, and to which every query is slow."""
    running = PugProcess(tmp_path_factory.mktemp("pug") / "data", {"PUG_SLOW_QUERY_S": "0"})
    running.start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command where no Pug is known, with nothing in the environment that says otherwise."""
    for name in ("PUG_URL", "PUG_WRITE_KEY", "PUG_SECRET_KEY", "CLICKHOUSE_URL", "NATS_URL", "POSTGRES_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PUG_DATA_DIR", str(tmp_path / "nothing"))
    return lambda *arguments, **options: CliRunner().invoke(app, list(arguments), **options)


@pytest.fixture
def run_with(run: Run, pug: PugProcess, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command that finds the running Pug by itself."""
    monkeypatch.setenv("PUG_DATA_DIR", str(pug.data_dir))
    return run
