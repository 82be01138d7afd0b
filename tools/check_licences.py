"""Ends with 1 when a package of the given lock files has a licence that nobody has agreed to. It looks at what is installed here."""

import importlib.metadata
import re
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

from packaging.requirements import Requirement

ALLOWED = {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "Zlib"}
_PSF = "PSF-2.0 asks for its notice and a list of changes, and we change nothing"
_LGPL = "a library used as it is, which anybody may replace by another version of it"
# Package, licence, and why it is agreed to for this one.
EXCEPTIONS = {
    ("backports-zstd", "PSF-2.0"): _PSF,
    ("defusedxml", "PSF-2.0"): _PSF,
    ("greenlet", "PSF-2.0"): _PSF,
    ("typing-extensions", "PSF-2.0"): _PSF,
    ("psycopg", "LGPL-3.0-only"): _LGPL,
    ("psycopg-binary", "LGPL-3.0-only"): _LGPL,
}
# Of packages that say it in a file only.
_KNOWN = {"crawler-user-agents": "MIT"}
_SPELLINGS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


def main(locks: Iterable[str]) -> None:
    """Look at every package and say what is wrong."""
    packages = {package for lock in locks for package in packages_of(Path(lock).read_text())}
    wrong = [f"{package}: {licence}" for package in sorted(packages) if not allowed(package, licence := licence_of(package))]
    if wrong:
        sys.exit("Licences nobody has agreed to (tools/check_licences.py):\n" + "\n".join(wrong))
    sys.stdout.write(f"{len(packages)} packages have licences that were agreed to\n")


def packages_of(lock: str) -> list[str]:
    """The packages of a lock file that this machine installs."""
    requirements = [Requirement(line.rstrip(" \\")) for line in lock.splitlines() if re.match(r"[\w.-]+==", line)]
    return [requirement.name for requirement in requirements if requirement.marker is None or requirement.marker.evaluate()]


def licence_of(package: str) -> str:
    """The licence of an installed package as an SPDX expression, or what it says of it in other words."""
    if package in _KNOWN:
        return _KNOWN[package]
    try:
        said = importlib.metadata.metadata(package).json
    except PackageNotFoundError:
        return "not installed, so not known"
    if "license_expression" in said:
        return str(said["license_expression"])
    classifiers = [name.rpartition(" :: ")[2] for name in said.get("classifier", ()) if name.startswith("License ::")]
    names = classifiers or [str(said.get("license", "none"))]
    return " AND ".join(_SPELLINGS.get(name, name) for name in names)


def allowed(package: str, expression: str) -> bool:
    """Whether one of an expression's alternatives is of licences agreed to, in general or for this package."""
    return any(
        all(licence in ALLOWED or (package, licence) in EXCEPTIONS for licence in alternative.strip("() ").split(" AND "))
        for alternative in expression.split(" OR ")
    )


if __name__ == "__main__":
    main(sys.argv[1:])
