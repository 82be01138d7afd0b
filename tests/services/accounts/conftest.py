import pytest

from accounts_stand import Stand, new_email, open_stand
from app.backends import Backends


@pytest.fixture
def stand(backends: Backends) -> Stand:
    """Open to everybody, without confirming addresses; mail proves them."""
    return open_stand(backends.postgres)


@pytest.fixture
def email() -> str:
    """An address that nobody has."""
    return new_email()
