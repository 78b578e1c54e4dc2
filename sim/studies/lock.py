"""Locks on a folder that processes of several machines may share.

A lock is a file that only one process can create, which every file system can do; locks that a
system keeps do not work on all that machines share. Its holder touches it now and then, so that
others can tell a lock whose holder has died.
"""

import errno
import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Self
from uuid import uuid4

from sim.errors import RunFolderError

LEASE_S = 120.0
"""A lock of another machine that was not touched for so long has lost its holder."""
RENEW_S = 10.0
"""Time between two touches."""
_POLL_S = 0.05
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""What systems say whose files cannot have a second name."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a lock."""

    host: str = "an unknown machine"
    pid: int = 0
    started: str = ""
    machine: str = ""
    """Where ``pid`` names one process: a container has processes of its own."""
    birth: str = ""
    """When the process began, as its system counts: numbers of processes are used again."""
    token: str = ""
    """What no other lock has."""

    @classmethod
    def here(cls) -> Self:
        """Return this process."""
        pid = os.getpid()
        started = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(socket.gethostname(), pid, started, _machine(), _birth(pid), uuid4().hex)

    @classmethod
    def of(cls, place: Path) -> Self:
        """Return who holds a lock: nobody known where its file is just being written."""
        try:
            known = json.loads(place.read_text(encoding="utf-8"))
            return cls(**{**known, "pid": int(known["pid"])})
        except (ValueError, TypeError, LookupError):
            return cls()

    def lives(self) -> bool | None:
        """Whether the process still runs; ``None`` where that cannot be told from here."""
        if self.machine != _machine() or os.name != "posix":
            return None
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except PermissionError:
            pass  # it runs, for someone else
        return _birth(self.pid) == self.birth


@dataclass(slots=True)
class Lock:
    """A lock that this process holds until it releases it, or dies."""

    place: Path
    holder: Holder
    _released: Event = field(default_factory=Event)

    def require(self) -> None:
        """Raise ``RunFolderError`` where another has taken the lock, or removed it."""
        if not self._is_own():
            raise RunFolderError(
                f"the lock '{self.place}' was taken from this run, which stood still for too "
                "long or lost its disk. What has finished is kept."
            )

    def release(self) -> None:
        """Let others have the lock."""
        self._released.set()
        if self._is_own():
            self.place.unlink()

    def keep(self) -> None:
        """Touch the lock from time to time until it is released."""
        while not self._released.wait(RENEW_S):
            with suppress(OSError):
                if self._is_own():
                    os.utime(self.place)

    def _is_own(self) -> bool:
        try:
            return Holder.of(self.place).token == self.holder.token
        except OSError:
            return False


def acquire(place: Path, *, patience_s: float = 0.0) -> Lock:
    """Take the lock of that file; ``RunFolderError`` where another holds it.

    Parameters
    ----------
    patience_s : how long to wait for another to release it.
    """
    holder, late = Holder.here(), monotonic() + patience_s
    while not _create(place, holder):
        other = who_holds(place)
        if other is None:
            continue
        if monotonic() >= late:
            raise busy(place, other)
        sleep(_POLL_S)
    lock = Lock(place, holder)
    Thread(target=lock.keep, daemon=True).start()
    return lock


def busy(place: Path, holder: Holder) -> RunFolderError:
    """Return the error that another holds a lock."""
    return RunFolderError(
        f"another run writes there: process {holder.pid} on {holder.host}, since {holder.started}. "
        "Wait for it, or choose another folder. If that machine has died, its lock ends "
        f"{LEASE_S:.0f} s later; or remove '{place}'."
    )


def who_holds(place: Path) -> Holder | None:
    """Return the holder of a lock, if any; the lock of one that has died is removed."""
    try:
        holder = Holder.of(place)
        lives = holder.lives()
        if lives is None:
            lives = _now(place) - place.stat().st_mtime < LEASE_S
    except FileNotFoundError:
        return None
    if lives:
        return holder
    _remove(place, holder)
    return None


def remove_strays(folder: Path) -> None:
    """Remove what processes have left that were killed while they took or removed a lock."""
    for stray in folder.glob(f"*.{'[0-9a-f]' * 32}"):
        stray.unlink(missing_ok=True)


def _create(place: Path, holder: Holder) -> bool:
    """Write the file of a lock, unless there is one; whoever sees it sees its holder."""
    place.parent.mkdir(parents=True, exist_ok=True)
    written = place.with_name(f"{place.name}.{holder.token}")
    text = json.dumps(asdict(holder))
    try:
        written.write_text(text, encoding="utf-8")
        os.link(written, place)
    except FileExistsError:
        return False
    except FileNotFoundError:  # whoever was last to leave has removed the folder
        return _create(place, holder)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _write(place, text)
    finally:
        written.unlink(missing_ok=True)
    return True


def _write(place: Path, text: str) -> bool:
    """Write the file of a lock, unless there is one, where a file has one name only."""
    try:
        file = place.open("x", encoding="utf-8")
    except FileExistsError:
        return False
    try:
        with file:
            file.write(text)
    except OSError:
        place.unlink()
        raise
    return True


def _remove(place: Path, holder: Holder) -> None:
    """Remove the lock of a holder that has died, and of no other who took it meanwhile."""
    aside = place.with_name(f"{place.name}.{uuid4().hex}")
    with suppress(FileNotFoundError):  # another has removed it
        place.rename(aside)
        if Holder.of(aside) == holder:
            aside.unlink()
        else:
            aside.rename(place)


def _now(place: Path) -> float:
    """Return the time on the machine that has the disk, whose clock may differ from that here."""
    probe = place.with_name(f"{place.name}.{uuid4().hex}")
    probe.touch()
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink()


def _machine() -> str:
    """Return a name of all processes that are numbered together."""
    names = [socket.gethostname()]
    with suppress(OSError):  # Linux only
        names += [
            Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            str(Path("/proc/self/ns/pid").readlink()),
        ]
    return " ".join(names)


def _birth(pid: int) -> str:
    """Return when a process began, in the words of Linux; empty elsewhere, or if it has ended."""
    try:
        state, *others = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state == "Z" else others[18]
