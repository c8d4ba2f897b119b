"""Starts the quickstart in namespaces of its own, hands it our signals, and leaves it behind when it shall be kept."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import enter
import folders

PROGRAM = pathlib.Path(__file__).resolve().parent / "quickstart.py"
PID_FILE = "kept.pid"
PATIENCE = 20


def first_process_inside(unshare):
    """The process that `unshare` started, as it is numbered out here."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == unshare:
            return int(stat.parent.name)
    return None


def forward_signals(unshare):
    def forward(number, _):
        inside = first_process_inside(unshare)
        if inside is not None:
            os.kill(inside, number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)


def launch(words):
    """Runs to the end, or until the lab says that it is ready to be left alone; returns the exit code."""
    folders.sweep()
    folder, claim = folders.claim()
    ready, ready_inside = os.pipe()
    command = enter.command_inside([sys.executable, "-B", str(PROGRAM), "--folder", str(folder), *words])
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=(claim, ready_inside),
                               env={**os.environ, "HYPERNAT_READY": str(ready_inside)})
    forward_signals(process.pid)
    os.close(ready_inside)
    if os.read(ready, 1):
        (folder / PID_FILE).write_text(str(first_process_inside(process.pid)), encoding="ascii")
        return 0
    status = process.wait()
    os.close(claim)
    folders.sweep()
    return status


def stop():
    """Ends every run that was kept."""
    kept = [folder for folder in folders.all_of_them() if (folder / PID_FILE).exists()]
    for folder in kept:
        if folders.is_claimed(folder):
            with contextlib.suppress(ProcessLookupError):  # it ended by itself, or is another pid namespace's
                os.kill(int((folder / PID_FILE).read_text(encoding="ascii")), signal.SIGTERM)
        limit = time.monotonic() + PATIENCE
        while folder.exists() and folders.is_claimed(folder):
            if time.monotonic() > limit:
                print(f"{folder} does not end: see its logs", file=sys.stderr)
                return 1
            time.sleep(0.1)
        print(f"stopped {folder}")
    folders.sweep()
    if not kept:
        print("nothing is kept running")
    return 0


def main(words):
    if os.geteuid() != 0:
        print("scripts/quickstart makes network namespaces: run it as root", file=sys.stderr)
        return 1
    return stop() if "--stop" in words else launch(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
