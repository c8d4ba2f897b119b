"""The machine as the lab uses it: commands, processes with their logs, network namespaces, waiting.

Everything here runs inside the lab's own network, mount and process namespaces (see enter.py), so that what is
forgotten ends with them.
"""

import os
import pathlib
import re
import signal
import subprocess
import time

TROUBLE = re.compile(r"error|warn|fail|refus|cannot|fatal|denied|sanitizer|exception|critical", re.IGNORECASE)


class LabError(Exception):
    """What failed, and the log lines that say why."""

    def __init__(self, what, evidence=""):
        super().__init__(what)
        self.evidence = evidence


def run(*command, namespace=None, check=True, **options):
    """Runs a command to its end and returns what it wrote; a failure is a LabError with its error output."""
    words = [str(word) for word in command]
    if namespace is not None:
        words = ["nsenter", f"--net=/run/netns/{namespace}", *words]
    done = subprocess.run(words, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if check and done.returncode != 0:
        raise LabError(f"'{' '.join(words)}' ended with {done.returncode}", (done.stderr or done.stdout).strip())
    return done


def ip(arguments, namespace=None):
    run("ip", *(["-n", namespace] if namespace else []), *arguments.split())


def write_setting(path, value, namespace=None):
    """A sysctl, in the network namespace given."""
    run("sh", "-c", f"echo {value} > /proc/sys/{path}", namespace=namespace)


def make_namespace(name):
    """A named network namespace without IPv6, whose neighbour discovery would only be noise in the counters."""
    run("ip", "netns", "add", name)
    write_setting("net/ipv6/conf/all/disable_ipv6", 1, name)
    write_setting("net/ipv6/conf/default/disable_ipv6", 1, name)
    ip("link set lo up", name)


def wait_for(what, condition, seconds=10.0, interval=0.05, watch=()):
    """Returns the first true value of `condition`; fails when time is up or a watched process has ended."""
    limit = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        for process in watch:
            process.check()
        if time.monotonic() > limit:
            evidence = "\n".join(process.evidence() for process in watch)
            raise LabError(f"waited {seconds:.0f} s for {what}", evidence)
        time.sleep(interval)


class Process:
    """A program that runs beside the lab, its output in a log file."""

    def __init__(self, name, command, log, namespace=None, environment=None):
        self.name = name
        self.log = pathlib.Path(log)
        self.command = [str(word) for word in command]
        if namespace is not None:
            self.command = ["nsenter", f"--net=/run/netns/{namespace}", *self.command]
        with open(self.log, "ab") as output:
            self.handle = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                           start_new_session=True, env={**os.environ, **(environment or {})})

    @property
    def pid(self):
        return self.handle.pid

    def alive(self):
        return self.handle.poll() is None

    def check(self):
        """Fails when the program has ended by itself."""
        status = self.handle.poll()
        if status is not None:
            raise LabError(f"{self.name} ended with {status}", self.evidence())

    def kill(self):
        self.handle.kill()
        self.handle.wait()

    def stop(self, seconds=5.0):
        """Asks the program to end, insists after a while, and returns its exit status."""
        if self.alive():
            self.handle.send_signal(signal.SIGTERM)
            try:
                self.handle.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.handle.returncode

    def evidence(self, lines=12):
        """The last lines of the log that speak of trouble, or else the last lines."""
        try:
            text = self.log.read_text(errors="replace").splitlines()
        except OSError as error:
            return f"{self.name}: no log: {error}"
        telling = [line for line in text if TROUBLE.search(line)][-lines:] or text[-lines:]
        return "\n".join(f"{self.name}: {line}" for line in telling) or f"{self.name}: its log is empty"
