"""Looks every locked package up in OSV, the open database of vulnerabilities (`make audit`); arguments are pip-audit's own.

Ends with 0 when nothing is known of any, with 1 when something is, and with 2 when the database could not be asked about all of them.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).parents[1]
_PIP_AUDIT = Path(sys.executable).parents[1] / "audit" / "bin" / "pip-audit"
_ASKED = (
    "--disable-pip",
    "--require-hashes",
    "--strict",
    "--vulnerability-service",
    "osv",
    "--format",
    "json",
    "--progress-spinner",
    "off",
)
NONE, SOME, UNKNOWN = 0, 1, 2


class Vulnerability(TypedDict):
    """What pip-audit says of one."""

    id: str
    aliases: list[str]
    fix_versions: list[str]


class Dependency(TypedDict, total=False):
    """What pip-audit says of a package: its vulnerabilities, or why it was not looked up."""

    name: str
    version: str
    vulns: list[Vulnerability]
    skip_reason: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of it, in lines, and the exit code."""

    code: int
    lines: list[str]


def main(options: list[str]) -> int:
    """Ask about each lock file, and print what came of it."""
    judgements = [_audit(lock, options) for lock in sorted((ROOT / "locks").glob("*.txt"))]
    for line in dict.fromkeys(line for judgement in judgements for line in judgement.lines):
        sys.stdout.write(f"{line}\n")
    return max((judgement.code for judgement in judgements), default=UNKNOWN)


def _audit(lock: Path, options: list[str]) -> Judgement:
    command = [_PIP_AUDIT, *_ASKED, "--requirement", lock, *options]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    return judge(lock.name, ran.stdout, ran.stderr)


def judge(lock: str, output: str, errors: str) -> Judgement:
    """What pip-audit's output, as JSON, amounts to; without one it could not ask, and the last line of its errors says why."""
    try:
        found: list[Dependency] = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        reason = (errors.strip().splitlines() or ["pip-audit said nothing"])[-1]
        return Judgement(UNKNOWN, [f"{lock}: the database of vulnerabilities could not be asked, so nothing is known: {reason}"])
    skipped = [f"{each.get('name')}: not looked up, {each['skip_reason']}" for each in found if "skip_reason" in each]
    vulnerable = [_line(each, one) for each in found for one in each.get("vulns", [])]
    if vulnerable or skipped:
        return Judgement(UNKNOWN if skipped else SOME, vulnerable + skipped)
    return Judgement(NONE, [f"{lock}: nothing is known of any of {len(found)} packages"])


def _line(package: Dependency, found: Vulnerability) -> str:
    fixed = f"mended in {', '.join(found['fix_versions'])}" if found["fix_versions"] else "not mended yet"
    names = ", ".join([found["id"], *found["aliases"]])
    return f"{package.get('name')} {package.get('version')}: {names}; {fixed}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
