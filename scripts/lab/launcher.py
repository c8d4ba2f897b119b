"""Starts a program of the lab in namespaces of its own, hands it our signals, and leaves it behind when it shall be kept.

    launcher.py quickstart|coldstart [ARGUMENT…]
"""

import os
import pathlib
import selectors
import signal
import subprocess
import sys
import time

import enter
import folders

HERE = pathlib.Path(__file__).resolve().parent
KEPT = "kept"
PATIENCE = 20


def stat_of(pid):
    """The fields of /proc/PID/stat that follow the process's name; none when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rsplit(")", 1)[1].split()


def first_process_inside(unshare):
    """The process that `unshare` started, as it is numbered out here."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        fields = stat_of(folder.name)
        if fields is not None and int(fields[1]) == unshare:
            return int(folder.name)
    return None


def identity(pid):
    """What tells a process from any other: numbers are used again, and every pid namespace has its own."""
    fields = stat_of(pid)
    return None if fields is None else f"{os.readlink('/proc/self/ns/pid')} {pid} {fields[19]}"


def forward_signals(unshare):
    def forward(number, _):
        inside = first_process_inside(unshare)
        if inside is not None:
            os.kill(inside, number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)


def relay(output, ready):
    """Passes on what the run says, until it is ready to be left alone (true) or has said all (false).

    The run does not have our standard output itself: kept, it would hold the pipe of whoever reads ours for ever.
    """
    with selectors.DefaultSelector() as selector:
        for descriptor in (output, ready):
            selector.register(descriptor, selectors.EVENT_READ)
        while True:
            # What was said comes before the word that nothing more will be.
            descriptors = sorted((key.fd for key, _ in selector.select()), key=lambda fd: fd != output)
            said = os.read(descriptors[0], 1 << 16)
            if descriptors[0] == ready:
                if said:
                    return True
                selector.unregister(ready)
            elif said:
                os.write(1, said)
            else:
                return False


def launch(program, words):
    """Runs to the end, or until the lab says that it is ready to be left alone; returns the exit code."""
    folders.sweep()
    folder, claim = folders.claim()
    ready, ready_inside = os.pipe()
    command = enter.command_inside([sys.executable, "-B", str(HERE / f"{program}.py"), "--folder", str(folder), *words])
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True, pass_fds=(claim, ready_inside),
                               env={**os.environ, "HYPERNAT_READY": str(ready_inside)})
    forward_signals(process.pid)
    os.close(ready_inside)
    if relay(process.stdout.fileno(), ready):
        (folder / KEPT).write_text(identity(first_process_inside(process.pid)), encoding="ascii")
        return 0
    status = process.wait()
    os.close(claim)
    folders.sweep()
    return status


def is_ours(folder):
    """Whether a kept run was started where we are: elsewhere its processes have other numbers."""
    return (folder / KEPT).read_text(encoding="ascii").split()[0] == os.readlink("/proc/self/ns/pid")


def stop_one(folder):
    """Ends a run that was kept; false when it does not end."""
    kept = (folder / KEPT).read_text(encoding="ascii")
    pid = kept.split()[1]
    if identity(pid) == kept:
        os.kill(int(pid), signal.SIGTERM)
    limit = time.monotonic() + PATIENCE
    while folder.exists() and folders.is_claimed(folder):
        if time.monotonic() > limit:
            print(f"{folder} does not end: see its logs", file=sys.stderr)
            return False
        time.sleep(0.1)
    print(f"stopped {folder}")
    return True


def stop():
    """Ends every run that was kept here."""
    kept = [folder for folder in folders.all_of_them() if (folder / KEPT).exists()]
    ours = [folder for folder in kept if is_ours(folder)]
    for folder in kept:
        if folder not in ours:
            print(f"{folder} is left alone: it was started in another pid namespace, stop it there", file=sys.stderr)
    ended = [stop_one(folder) for folder in ours]
    folders.sweep()
    if not ours:
        print("nothing is kept running")
    return 0 if all(ended) else 1


def main(program, words):
    if os.geteuid() != 0:
        print(f"scripts/{program} makes network namespaces: run it as root", file=sys.stderr)
        return 1
    return stop() if "--stop" in words else launch(program, words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
