from collections.abc import Iterator

import pytest

from pug_process import PugProcess


@pytest.fixture(scope="session")
def pug(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PugProcess]:
    """One running Pug for the tests that don't disturb it."""
    running = PugProcess(tmp_path_factory.mktemp("pug") / "data")
    running.start()
    yield running
    assert running.stop() == 0
