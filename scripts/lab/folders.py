"""A run's own folder: claimed with a lock, so that what a killed run left behind can be told and swept."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import tempfile

import hugepages

PREFIX = "hypernat."
LOCK = "lock"


def claim():
    """A fresh folder, and the descriptor whose life is the claim; hand it down to whoever goes on with the run."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=PREFIX))
    descriptor = os.open(folder / "claim", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    (folder / "claim").rename(folder / LOCK)  # appears locked: nobody sees it free
    return folder, descriptor


def is_claimed(folder):
    try:
        with open(folder / LOCK, encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return True  # no lock yet, or not ours to look at
    return False


def all_of_them():
    return [path for path in pathlib.Path(tempfile.gettempdir()).glob(PREFIX + "*") if (path / LOCK).exists()]


def dpdk_folder(folder):
    """Where the data plane of a run has its runtime files."""
    return pathlib.Path("/var/run/dpdk") / file_prefix(folder)


def file_prefix(folder):
    return folder.name.replace(".", "-")


def remove(folder):
    shutil.rmtree(dpdk_folder(folder), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def sweep():
    """Removes what killed runs left: folders, and hugepages that nobody uses."""
    for folder in all_of_them():
        if not is_claimed(folder):
            remove(folder)
    hugepages.settle()


@contextlib.contextmanager
def of_a_run():
    """A folder for one run, which goes with it; what killed runs left goes before."""
    sweep()
    folder, descriptor = claim()
    try:
        yield folder
    finally:
        remove(folder)
        os.close(descriptor)
