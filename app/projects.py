"""Makes a project with its first keys: two at a first start, others from the command line."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import SettingsInvalid
from services.accounts.keys import new_key
from services.accounts.repository import AccountsRepository
from services.rpc.call import Scope


@dataclass(frozen=True, slots=True)
class ProjectKeys:
    """A project and the keys that open it."""

    project_id: str
    write_key: str
    secret_key: str


async def ensure_project(accounts: AccountsRepository, notes: Path, name: str) -> ProjectKeys:
    """The project noted in the data folder while its keys work, otherwise a new one."""
    noted = _read(notes)
    if noted and await accounts.find_credential(noted.write_key) and await accounts.find_credential(noted.secret_key):
        return noted
    made = await create_project(accounts, name, "UTC")
    write_private(notes, asdict(made))
    return made


async def create_project(accounts: AccountsRepository, name: str, time_zone: str) -> ProjectKeys:
    """A new project, in an organisation of its name, with a write key and a secret key that may do everything."""
    write = new_key("write", "first", (Scope.CAPTURE,))
    secret = new_key("secret", "first", (Scope.READ, Scope.EDIT, Scope.ADMIN))
    project_id = await accounts.create_project(name, name, time_zone, (write, secret))
    return ProjectKeys(str(project_id), write.token, secret.token)


def write_private(path: Path, content: dict[str, object]) -> None:
    """Write JSON that only its owner can read, whole or not at all."""
    draft = path.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _read(notes: Path) -> ProjectKeys | None:
    try:
        content = json.loads(notes.read_text())
        return ProjectKeys(str(content["project_id"]), str(content["write_key"]), str(content["secret_key"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError) as error:
        raise SettingsInvalid(f"{notes} is not readable: {error}.", hint="Move it away; a new project is made then.") from error
