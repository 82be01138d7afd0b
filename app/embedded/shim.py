"""Becomes a server that dies with its parent: run as `python -I -S shim.py PARENT SIGNAL ACCOUNT REACH PROGRAM [ARGUMENT …]`.

The kernel forgets the parent-death signal when a process changes its account, so what must happen between fork and exec, happens here in
order: change the account, ask for the signal, see that the parent still lives, become the program. It imports nothing of ours.

ACCOUNT is `uid:gid`, or `-` to stay who we are. REACH is `reach` when the account cannot walk to its files by itself: the one capability to
read and search folders is then kept for it, so that no folder has to be opened to others.
"""

import ctypes
import os
import sys

_SET_DEATH_SIGNAL, _KEEP_CAPABILITIES, _AMBIENT, _AMBIENT_RAISE = 1, 8, 47, 2
_CAPABILITY_VERSION = 0x20080522
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def main() -> None:
    """Do what the arguments say, and never return."""
    parent, death_signal, account, reach, *command = sys.argv[1:]
    linux = sys.platform == "linux"
    if account != "-":
        _become(*map(int, account.split(":")), reach=reach == "reach" and linux)
    if linux:
        _prctl("set the parent-death signal", _SET_DEATH_SIGNAL, int(death_signal))
    if os.getppid() != int(parent):
        sys.exit("The parent process is gone already.")
    os.execv(command[0], command)  # noqa: S606 (becoming it is the point)


def _become(uid: int, gid: int, *, reach: bool) -> None:
    if reach:
        _prctl("keep capabilities", _KEEP_CAPABILITIES, 1)
    try:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    except OSError as error:
        sys.exit(f"This root may not become the account {uid}:{gid}, and the server refuses to run as root: {error.strerror}.")
    if reach:
        _keep_reach()


def _keep_reach() -> None:
    header, sets = _Header(_CAPABILITY_VERSION, 0), (_Sets * 2)()
    _libc("read capabilities", "capget", ctypes.byref(header), sets)
    # Reading is enough; a container's default set has only the other one.
    kept = next((number for number in (_DAC_READ_SEARCH, _DAC_OVERRIDE) if sets[0].permitted >> number & 1), None)
    if kept is None:
        sys.exit("The account of the server cannot reach its folder, and this root may not lend it the capability to.")
    mask = 1 << kept
    sets[0] = _Sets(mask, mask, mask)
    sets[1] = _Sets(0, 0, 0)
    _libc("lower capabilities", "capset", ctypes.byref(header), sets)
    _prctl("pass a capability on", _AMBIENT, _AMBIENT_RAISE, kept, 0, 0)


def _prctl(purpose: str, *arguments: int) -> None:
    _libc(purpose, "prctl", *(ctypes.c_ulong(argument) for argument in arguments))


def _libc(purpose: str, function: str, *arguments: object) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), function)(*arguments):
        error = ctypes.get_errno()
        sys.exit(f"Could not {purpose}: {os.strerror(error)}.")


main()
