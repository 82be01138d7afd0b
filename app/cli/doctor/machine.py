"""What `pug doctor` looks at on the disk and among the processes of this machine. Nothing here writes."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import SecretStr

from app.cli.doctor.checks import Check, bad, check_port, good, skipped, warning
from app.cli.output import bytes_text
from app.disk import Space
from app.embedded.folder import lock_holder
from core.settings import Settings, setting_name

# Of what is in the data folder: who reads these may act as Pug's users, or as Pug.
_SECRETS = ("dev.json", "project.json", "demo.json", "nats/token", "nats/nats.conf")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PROC = Path("/proc")
_METRICS = "metrics port"


def check_space(space: Space) -> Check:
    """Whether there is room where the data folder is."""
    name = "disk"
    found = f"{bytes_text(space.free)} free of {bytes_text(space.size)} ({space.share_free:.0%})"
    fix = "Make room or enlarge the disk: ClickHouse and JetStream stop taking data when it is full."
    if space.is_next_to_nothing:
        return bad(name, found, fix)
    return warning(name, found, fix) if space.is_little else good(name, found)


def check_permissions(settings: Settings, environment: Path) -> Iterable[Check]:
    """Whether files with secrets in them, and the folders they are in, are this account's alone; `environment` is the .env file."""
    name, folder = "permissions", settings.data_dir.expanduser().absolute()
    found = [warning(name, f"{folder} can be entered by other accounts", f"chmod 700 {folder}")] if _is_open(folder) else []
    secrets = [folder / secret for secret in _SECRETS]
    secrets += [path for path in (settings.tls_key, environment if _sets_secrets(environment) else None) if path]
    found += [
        bad(name, f"{path} holds secrets and can be read by other accounts", f"chmod 600 {path}") for path in secrets if _is_open(path)
    ]
    yield from found or [good(name, "secrets and folders are this account's alone")]


def _sets_secrets(environment: Path) -> bool:
    """Whether a .env file sets what may hold a password."""
    secret = tuple(f"{setting_name(name)}=" for name, field in Settings.model_fields.items() if field.annotation is SecretStr)
    try:
        return any(line.startswith(secret) for line in environment.read_text().splitlines())
    except OSError:
        return False


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & _OTHERS)
    except OSError:
        # It isn't there, or is closed to this account, too.
        return False


def check_leftovers(path: Path) -> Iterable[Check]:
    """Whether a Pug that was killed left something behind that is in the way."""
    name, folder = "leftovers", path.expanduser().absolute()
    holder = lock_holder(folder)
    if holder and holder.isdecimal() and _PROC.exists() and not (_PROC / holder).exists():
        pids = " ".join(str(pid) for pid in _servers_of(folder))
        fix = f"kill {pids}" if pids else "Wait some seconds: its engines are ending."
        yield bad(name, f"pid {holder} has ended, and its engines still hold {folder}", fix)
        return
    if holder is None and (servers := list(_servers_of(folder))):
        pids = " ".join(map(str, servers))
        yield bad(name, f"engines of {folder} run without their Pug: pid {pids.replace(' ', ', ')}", f"kill {pids}")
        return
    if holder is None and (folder / "dev.json").exists():
        found = f"{folder / 'dev.json'} is of a Pug that was killed"
        yield warning(name, found, "Start `pug dev` again, which writes it anew, or delete it.")
        return
    yield good(name, "none")


def _servers_of(folder: Path) -> Iterator[int]:
    """The NATS and PostgreSQL servers that were started for a data folder."""
    wanted = {os.fsencode(folder / "nats" / "nats.conf"), os.fsencode(folder / "postgres" / "data")}
    for entry in _PROC.glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if not wanted.isdisjoint(words):
            yield int(entry.name)


def check_metrics(settings: Settings, running: str | None) -> Check:
    """Whether Prometheus can ask; `running` is where the Pug that runs here serves metrics."""
    if settings.metrics_port == "off":
        return skipped(_METRICS, "off")
    if running:
        return _check_scrape(running)
    if "metrics_port" in settings.model_fields_set:
        return check_port(_METRICS, settings.metrics_host, settings.metrics_port, "PUG_METRICS_PORT", None)
    return good(_METRICS, f"{settings.metrics_port}, or the next free one")


def _check_scrape(url: str) -> Check:
    from urllib.request import urlopen  # noqa: PLC0415 (other commands need not wait for it)

    try:
        with urlopen(url, timeout=3) as answer:  # noqa: S310 (an address that Pug noted itself)
            families = sum(line.startswith(b"# TYPE ") for line in answer)
    except (OSError, ValueError) as error:
        return bad(_METRICS, f"{url} does not answer: {error}", "Restart Pug; its log has the line metrics_served.")
    return good(_METRICS, f"{url} answers with {families:,} metrics")
