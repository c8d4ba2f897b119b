"""Hugepages on loan: reserved while somebody needs them, the machine's own setting put back by the last one out.

The number of hugepages is one setting for the whole machine, so that runs side by side share a small ledger under
/run. Each holder keeps its own file in it locked; one that was killed lost its lock and is struck off by the next.
"""

import contextlib
import fcntl
import os
import pathlib
import uuid

LEDGER = pathlib.Path("/run/hypernat-hugepages")
POOL = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
BYTES_PER_PAGE = 2 << 20


class Hugepages:
    """A reservation of `pages` hugepages of 2 MiB; `reserve` says whether the machine had them to give."""

    def __init__(self, pages):
        self.pages = pages
        self.entry = None
        self.handle = None

    def reserve(self):
        if not POOL.is_dir() or self.pages * BYTES_PER_PAGE > _available_bytes() // 2:
            return False
        try:
            with _ledger():
                self._enter()
                if _settle():
                    return True
        except OSError:
            pass  # /sys is read-only, as in a container: the caller goes on without
        self.release()
        return False

    def release(self):
        if self.entry is None:
            return
        with _ledger():
            self.entry.unlink(missing_ok=True)
            os.close(self.handle)
            self.entry = None
            _settle()

    def _enter(self):
        entry = LEDGER / f"{self.pages}.{uuid.uuid4()}"
        self.handle = os.open(entry, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        fcntl.flock(self.handle, fcntl.LOCK_EX)
        self.entry = entry


@contextlib.contextmanager
def _ledger():
    LEDGER.mkdir(mode=0o700, exist_ok=True)
    with open(LEDGER / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _settle():
    """Sets the machine's number to its own plus what is on loan, and says whether the kernel found that many.

    Called with the ledger locked.
    """
    on_loan = sum(int(entry.name.split(".")[0]) for entry in LEDGER.glob("*.*") if _is_held(entry))
    original = LEDGER / "original"
    if on_loan:
        if not original.exists():
            original.write_text(str(_read("nr_hugepages")), encoding="ascii")
        wanted = int(original.read_text(encoding="ascii")) + on_loan
        (POOL / "nr_hugepages").write_text(str(wanted), encoding="ascii")
        return _read("nr_hugepages") == wanted
    if original.exists():
        (POOL / "nr_hugepages").write_text(original.read_text(encoding="ascii"), encoding="ascii")
        original.unlink()
    return True


def _is_held(entry):
    """Whether the holder lives; strikes the entry off when not."""
    with open(entry, encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    entry.unlink()
    return False


def _read(name):
    return int((POOL / name).read_text(encoding="ascii"))


def free():
    """Pages that nobody uses and nobody has to be asked for."""
    return _read("free_hugepages") if POOL.is_dir() else 0


def _available_bytes():
    with open("/proc/meminfo", encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def settle():
    """Puts the machine's own setting back if nobody is left who borrowed."""
    if LEDGER.is_dir():
        with contextlib.suppress(OSError), _ledger():
            _settle()
